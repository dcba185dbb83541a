"""The draft engine: any machine's CPU, no network.

Light on purpose: what draws is loaded only once there is something to draw, so that a wrong option
or a file of no use is told at once.
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
    """Animates the picture itself; see `inference.draft`.

    Raises InputError when a model or a device is asked for.
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
        return convert_errors(_draw(task, cancelled))


def _draw(task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Loading is part of it, so that what goes wrong there is told like the rest."""
    yield from importlib.import_module("inference.draft.pipeline").draw(task, cancelled)
