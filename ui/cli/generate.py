"""Generation of a video from files, with progress on the terminal."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.core.cost_model import DEFAULT_COST_MODEL, CostModel
from inference.core.engine import Engine
from inference.core.errors import InputCode, build_no_face_error
from inference.core.events import Result
from inference.core.inputs import MAX_PICTURE_MIB, MAX_RECORDING_MIB
from inference.core.options import JobOptions, find_preset
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.settings import load_settings
from inference.core.task import REMOTE, Task
from inference.media.ingest import ingest_files
from inference.storage.publication import Publication
from presets.schema import EngineFamily
from ui.cli import terminal
from ui.cli.arguments import Source
from ui.cli.exit_status import Interrupted, cancel_on_interrupt, deliver_result, make_scratch_folder
from ui.strings import history_wording


@dataclass(frozen=True)
class GeneratedVideo:
    """A finished video at `out`.

    `published` holds its link or the reason why there is none; it is None if no bucket is set up.
    """

    out: Path
    result: Result
    published: Publication | None


def prepare_task(
    folder: Path,
    image: Source,
    recordings: Sequence[Source],
    options: JobOptions,
    cost_model: CostModel = DEFAULT_COST_MODEL,
) -> Task:
    """Ingest the files and return the task in `folder`. Raises PortraitError, OSError."""
    picture_path = _fetch(image, folder / "given", MAX_PICTURE_MIB, InputCode.PICTURE_TOO_LARGE)
    recording_paths = [
        _fetch(
            recording,
            folder / f"given-{number}",
            MAX_RECORDING_MIB,
            InputCode.RECORDING_TOO_LARGE,
        )
        for number, recording in enumerate(recordings, 1)
    ]
    picture, measured = ingest_files(folder, picture_path, recording_paths, options.turn)
    request = Request.from_options(options, picture, measured)
    max_s = load_settings().max_seconds_for(find_preset(request.quality).engine)
    return Task(request, make_plan(request, max_s, cost_model), folder)


def generate_video(
    engine: Engine,
    image: Source,
    recordings: Sequence[Source],
    options: JobOptions,
    out: Path,
    as_json: bool = False,
) -> GeneratedVideo:
    """Generate the video at `out`, showing progress, and publish it if a bucket is set up.

    A failed publication is reported and changes nothing else. Raises PortraitError, OSError, and
    Interrupted if the user stopped it.
    """
    with make_scratch_folder() as folder:
        task = prepare_task(folder, image, recordings, options)
        is_draft = find_preset(task.plan.quality).engine is EngineFamily.DRAFT
        if is_draft and not task.plan.speakers:
            raise build_no_face_error()
        if not as_json:
            terminal.print_warnings(task.plan)
        try:
            with cancel_on_interrupt() as cancelled:
                events = engine.generate(task, cancelled)
                last = terminal.show_progress(events, visible=not as_json)
            result = deliver_result(task.folder, last, out)
            video = GeneratedVideo(out, result, publish_video(task, out))
        finally:
            end_remote_work(task.folder)
    if not (is_draft or as_json):
        terminal.print_message(history_wording.permission(options.permission))
    terminal.print_result(video.result, video.published, as_json, options.permission)
    return video


def publish_video(task: Task, out: Path) -> Publication | None:
    """Publish the finished video of `task`, already at `out`; None if no bucket is set up.

    Raises OSError, and Interrupted if the user stopped it.
    """
    settings = load_settings()
    if settings.bucket is None:
        return None
    task.save()
    try:
        publisher = importlib.import_module("inference.storage.publisher")
        published: Publication = publisher.publish(task.folder, settings)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. The video is in {out}, but was not published.") from None
    return published


def _fetch(source: Source, target: Path, max_mib: int, too_large: InputCode) -> Path:
    """Return the file's local path; download one in a bucket to `target`."""
    if isinstance(source, Path):
        return source
    # by name: few commands need it
    publisher = importlib.import_module("inference.storage.publisher")
    publisher.fetch(source, target, max_mib, too_large, load_settings().region)
    return target


def end_remote_work(folder: Path) -> None:
    """End a scratch folder's work on Modal: a scratch folder is never resumed."""
    if (folder / REMOTE).exists():
        message = importlib.import_module("inference.cloud.cleanup").delete_from_modal(folder)
        if message:
            terminal.print_message(message)
