"""From files to a video, for whoever sits at a terminal."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.engines.base import Engine
from inference.errors import no_face
from inference.intake import take_in
from inference.plan import find_preset, make_plan
from inference.rates import PLANNED, Rates
from inference.request import Request
from inference.settings import load_settings
from inference.task import REMOTE, Task
from presets.schema import EngineFamily
from ui import terminal
from ui.endings import cancel_on_interrupt, deliver, scratch_folder


def prepare(
    folder: Path,
    image: Path,
    recordings: Sequence[Path | None],
    choices: dict[str, Any],
    rates: Rates = PLANNED,
) -> Task:
    """The task in `folder`, with the person's files taken in. Raises PortraitError, OSError."""
    given = [recording for recording in recordings if recording is not None]
    picture, measured = take_in(folder, image, given)
    request = Request(picture=picture, recordings=measured, **choices)
    longest_s = load_settings().longest_s(find_preset(request.quality).engine)
    return Task(request, make_plan(request, longest_s, rates), folder)


def make(
    engine: Engine,
    image: Path,
    recordings: Sequence[Path | None],
    choices: dict[str, Any],
    out: Path,
    as_json: bool = False,
) -> None:
    """Have `engine` make the video at `out`, showing how far it is.

    Raises PortraitError, OSError, and Interrupted when the person stopped it.
    """
    with scratch_folder() as folder:
        task = prepare(folder, image, recordings, choices)
        drafted = find_preset(task.plan.quality).engine is EngineFamily.DRAFT
        if drafted and not task.plan.speakers:
            raise no_face()
        if not as_json:
            terminal.say_warnings(task.plan)
        try:
            with cancel_on_interrupt() as cancelled:
                events = engine.generate(task, cancelled)
                last = terminal.with_progress(events, visible=not as_json)
            deliver(task.folder, last, out, as_json)
        finally:
            _forget_elsewhere(task.folder)


def _forget_elsewhere(folder: Path) -> None:
    """Nobody comes back to a scratch folder: what of it is still on Modal goes now."""
    if (folder / REMOTE).exists():
        refusal = importlib.import_module("inference.cloud.forget").main([str(folder)])
        if refusal:
            terminal.say(refusal)
