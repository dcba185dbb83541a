"""From files to a video, for whoever sits at a terminal."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.core.cost_model import PLANNED, Rates
from inference.core.engine import Engine
from inference.core.errors import InputCode, no_face
from inference.core.events import Result
from inference.core.plan import find_preset, make_plan
from inference.core.published import Published
from inference.core.request import MAX_PICTURE_MIB, MAX_RECORDING_MIB, Request
from inference.core.settings import load_settings
from inference.core.task import REMOTE, Task
from inference.media.ingest import take_in
from presets.schema import EngineFamily
from ui.cli import terminal
from ui.cli.arguments import Source
from ui.cli.exit_status import Interrupted, cancel_on_interrupt, deliver, scratch_folder


@dataclass(frozen=True)
class Made:
    """A video that lies at `out`. `published`: with a link, or why there is none; None where no
    bucket is set up."""

    out: Path
    result: Result
    published: Published | None


def prepare(
    folder: Path,
    image: Source,
    recordings: Sequence[Source],
    choices: dict[str, Any],
    rates: Rates = PLANNED,
) -> Task:
    """The task in `folder`, with the person's files taken in. Raises PortraitError, OSError."""
    shown = _here(image, folder / "given", MAX_PICTURE_MIB, InputCode.PICTURE_TOO_LARGE)
    heard = [
        _here(
            recording,
            folder / f"given-{number}",
            MAX_RECORDING_MIB,
            InputCode.RECORDING_TOO_LARGE,
        )
        for number, recording in enumerate(recordings, 1)
    ]
    picture, measured = take_in(folder, shown, heard)
    request = Request(picture=picture, recordings=measured, **choices)
    longest_s = load_settings().longest_s(find_preset(request.quality).engine)
    return Task(request, make_plan(request, longest_s, rates), folder)


def make(
    engine: Engine,
    image: Source,
    recordings: Sequence[Source],
    choices: dict[str, Any],
    out: Path,
    as_json: bool = False,
) -> Made:
    """Have `engine` make the video at `out`, showing how far it is, and publish it where a bucket
    is set up; that it could not be published is said, and changes nothing else.

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
            result = deliver(task.folder, last, out)
            made = Made(out, result, publish(task, out))
        finally:
            forget_elsewhere(task.folder)
    terminal.print_made(made.result, made.published, as_json)
    return made


def publish(task: Task, out: Path) -> Published | None:
    """Where the finished video of `task`, which is at `out` already, now lies in the bucket; None
    where none is set up. Raises OSError, and Interrupted when the person stopped it."""
    settings = load_settings()
    if settings.bucket is None:
        return None
    task.save()
    try:
        storage = importlib.import_module("inference.storage.publisher")
        published: Published = storage.publish(task.folder, settings)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. The video is in {out}, but was not published.") from None
    return published


def _here(source: Source, target: Path, most_mib: int, too_large: InputCode) -> Path:
    """The file on this machine: one in a bucket is fetched to `target`."""
    if isinstance(source, Path):
        return source
    storage = importlib.import_module(
        "inference.storage.publisher"
    )  # by name: few commands need it
    storage.fetch(source, target, most_mib, too_large, load_settings().region)
    return target


def forget_elsewhere(folder: Path) -> None:
    """Nobody comes back to a scratch folder: what of it is still on Modal goes now."""
    if (folder / REMOTE).exists():
        stays = importlib.import_module("inference.cloud.cleanup").end_calls(folder)
        if stays:
            terminal.say(stays)
