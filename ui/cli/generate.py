"""From files to a video, for whoever sits at a terminal."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.core.cost_model import DEFAULT_COST_MODEL, CostModel
from inference.core.engine import Engine
from inference.core.errors import InputCode, build_no_face_error
from inference.core.events import Result
from inference.core.options import JobOptions, find_preset
from inference.core.plan import make_plan
from inference.core.published import Publication
from inference.core.request import MAX_PICTURE_MIB, MAX_RECORDING_MIB, Request
from inference.core.settings import load_settings
from inference.core.task import REMOTE, Task
from inference.media.ingest import ingest_files
from presets.schema import EngineFamily
from ui.cli import terminal
from ui.cli.arguments import Source
from ui.cli.exit_status import Interrupted, cancel_on_interrupt, deliver_result, make_scratch_folder


@dataclass(frozen=True)
class GeneratedVideo:
    """A video that lies at `out`. `published`: with a link, or why there is none; None where no
    bucket is set up."""

    out: Path
    result: Result
    published: Publication | None


def prepare_task(
    folder: Path,
    image: Source,
    recordings: Sequence[Source],
    options: JobOptions,
    rates: CostModel = DEFAULT_COST_MODEL,
) -> Task:
    """The task in `folder`, with the person's files taken in. Raises PortraitError, OSError."""
    shown = _fetch(image, folder / "given", MAX_PICTURE_MIB, InputCode.PICTURE_TOO_LARGE)
    heard = [
        _fetch(
            recording,
            folder / f"given-{number}",
            MAX_RECORDING_MIB,
            InputCode.RECORDING_TOO_LARGE,
        )
        for number, recording in enumerate(recordings, 1)
    ]
    picture, measured = ingest_files(folder, shown, heard)
    request = Request.from_options(options, picture, measured)
    longest_s = load_settings().max_seconds_for(find_preset(request.quality).engine)
    return Task(request, make_plan(request, longest_s, rates), folder)


def generate_video(
    engine: Engine,
    image: Source,
    recordings: Sequence[Source],
    options: JobOptions,
    out: Path,
    as_json: bool = False,
) -> GeneratedVideo:
    """Have `engine` make the video at `out`, showing how far it is, and publish it where a bucket
    is set up; that it could not be published is said, and changes nothing else.

    Raises PortraitError, OSError, and Interrupted when the person stopped it.
    """
    with make_scratch_folder() as folder:
        task = prepare_task(folder, image, recordings, options)
        drafted = find_preset(task.plan.quality).engine is EngineFamily.DRAFT
        if drafted and not task.plan.speakers:
            raise build_no_face_error()
        if not as_json:
            terminal.print_warnings(task.plan)
        try:
            with cancel_on_interrupt() as cancelled:
                events = engine.generate(task, cancelled)
                last = terminal.show_progress(events, visible=not as_json)
            result = deliver_result(task.folder, last, out)
            made = GeneratedVideo(out, result, publish_video(task, out))
        finally:
            end_remote_work(task.folder)
    terminal.print_result(made.result, made.published, as_json)
    return made


def publish_video(task: Task, out: Path) -> Publication | None:
    """Where the finished video of `task`, which is at `out` already, now lies in the bucket; None
    where none is set up. Raises OSError, and Interrupted when the person stopped it."""
    settings = load_settings()
    if settings.bucket is None:
        return None
    task.save()
    try:
        storage = importlib.import_module("inference.storage.publisher")
        published: Publication = storage.publish(task.folder, settings)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. The video is in {out}, but was not published.") from None
    return published


def _fetch(source: Source, target: Path, most_mib: int, too_large: InputCode) -> Path:
    """The file on this machine: one in a bucket is fetched to `target`."""
    if isinstance(source, Path):
        return source
    storage = importlib.import_module(
        "inference.storage.publisher"
    )  # by name: few commands need it
    storage.fetch(source, target, most_mib, too_large, load_settings().region)
    return target


def end_remote_work(folder: Path) -> None:
    """Nobody comes back to a scratch folder: what of it is still on Modal goes now."""
    if (folder / REMOTE).exists():
        stays = importlib.import_module("inference.cloud.cleanup").delete_from_modal(folder)
        if stays:
            terminal.print_message(stays)
