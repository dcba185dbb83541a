"""The draft engine, on the CPU of any machine, without network.

The drawing code is imported with the first task only, so that a wrong option or file is reported at
once.
"""

import importlib
from collections.abc import Callable, Iterator

from inference.core.engine import Availability, EngineOptions, convert_errors
from inference.core.errors import InputCode, InputError
from inference.core.events import Event
from inference.core.task import Task
from presets.schema import EngineFamily
from weights.manifest import FACE_DETECTOR, FACE_MESH


class DraftEngine:
    """Engine that animates the picture itself; see `inference.draft`.

    Raises InputError when a model or a device is requested.
    """

    name = EngineFamily.DRAFT.value

    def __init__(self, options: EngineOptions) -> None:
        if options.model:
            message = "The draft engine has no models to choose from. Leave out --model."
            raise InputError(InputCode.BAD_OPTION, message)
        if options.device:
            message = "The draft engine always runs on the CPU. Leave out --device."
            raise InputError(InputCode.BAD_OPTION, message)

    def check_availability(self) -> Availability:
        for file in (FACE_DETECTOR, FACE_MESH):
            if not file.is_intact():
                return Availability(False, f"{file.path.name} is damaged. Install the app again.")
        return Availability(True)

    def describe(self) -> str:
        return ""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return convert_errors(_draw(task, cancelled), task.folder)


ENGINE = DraftEngine


def _draw(task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Import the pipeline and draw; import errors are converted to events too."""
    yield from importlib.import_module("inference.draft.pipeline").draw(task, cancelled)
