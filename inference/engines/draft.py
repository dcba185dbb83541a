"""The draft engine: any machine's CPU, no network."""

from collections.abc import Callable, Iterator

from inference.draft import pipeline
from inference.engines.base import Availability, guarded
from inference.events import Event
from inference.task import Task
from weights.manifest import FACE_DETECTOR, FACE_MESH


class DraftEngine:
    """Animates the picture itself; see `inference.draft`."""

    name = pipeline.ENGINE_NAME

    def availability(self) -> Availability:
        for file in (FACE_DETECTOR, FACE_MESH):
            if not file.intact():
                return Availability(False, f"{file.path.name} is damaged. Install the app again.")
        return Availability(True)

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return guarded(pipeline.draw(task, cancelled))
