"""The draft engine: any machine's CPU, no network."""

from collections.abc import Callable, Iterator

from inference.draft import pipeline
from inference.engines.base import Availability, EngineOptions, guarded
from inference.errors import InputCode, InputError
from inference.events import Event
from inference.task import Task
from weights.manifest import FACE_DETECTOR, FACE_MESH


class DraftEngine:
    """Animates the picture itself; see `inference.draft`.

    Raises InputError when a model or a device is asked for.
    """

    name = pipeline.ENGINE_NAME

    def __init__(self, options: EngineOptions) -> None:
        if options.model:
            message = "The draft engine has no models to choose from. Leave out --model."
            raise InputError(InputCode.BAD_OPTION, message)
        if options.device:
            message = "The draft engine always runs on the CPU. Leave out --device."
            raise InputError(InputCode.BAD_OPTION, message)

    def availability(self) -> Availability:
        for file in (FACE_DETECTOR, FACE_MESH):
            if not file.intact():
                return Availability(False, f"{file.path.name} is damaged. Install the app again.")
        return Availability(True)

    def details(self) -> str:
        return ""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return guarded(pipeline.draw(task, cancelled))
