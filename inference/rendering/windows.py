"""What every engine does around its windows: previews, segments joined to the video.

How a window is made is the engine's own; the order, what is left out after an earlier start, what
a cancel keeps and what the finished file says of itself are the same for all.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.core.errors import Fault, FaultCode
from inference.core.events import (
    Cancelled,
    Event,
    Finished,
    Frame,
    Result,
    Stage,
    StageName,
    Window,
)
from inference.core.request import SAMPLE_RATE_HZ
from inference.core.task import PREVIEW, RESULT, SOUND, Task, measurements_name, segment_name
from inference.core.timing import FPS, find_used_range
from inference.core.tuning import LABELS
from inference.media.video import join_segments
from inference.quality.live_checker import LiveChecker

logger = logging.getLogger(__name__)


class EarlyStop(Enum):
    """When a first window ends a job: never; when it is surely of no use; when it seems so."""

    NEVER = "never"
    SURE = "sure"
    STRICT = "strict"


class RenderingCancelled(Exception):
    """The person cancelled in the middle of a window."""


def save_preview(task: Task, frame: NDArray[np.uint8]) -> Frame:
    """The event of a new preview, `frame`: RGB uint8 (height, width, 3).

    The file is replaced in one move, so that a reader never sees half of one.
    """
    target = task.prepare_path(PREVIEW)
    part = target.with_suffix(".part")
    Image.fromarray(frame).save(part, "JPEG", quality=80)
    os.replace(part, target)
    return Frame(PREVIEW)


def render_windows(
    task: Task,
    engine: str,
    make_window: Callable[[int], Iterator[Event]],
    started: float,
    early: EarlyStop = EarlyStop.NEVER,
) -> Iterator[Event]:
    """The events from the first window to the end; after a cancel, finished windows stay a video.

    `make_window` writes the segment of a window and yields what happens on the way; it raises
    Stopped when cancelled. It is not asked for a window that an earlier start has finished, which
    is only told of again. SOUND has to be there. `started` is `time.monotonic()` at the task's
    beginning. A first window that is of no use ends the work as `early` says: a Fault is raised.
    """
    with LiveChecker(task) as watch:
        yield from _render_windows(task, engine, make_window, started, watch, early)


def _render_windows(
    task: Task,
    engine: str,
    make_window: Callable[[int], Iterator[Event]],
    started: float,
    watch: LiveChecker,
    early: EarlyStop,
) -> Iterator[Event]:
    kept = 0
    for index in range(len(task.plan.windows)):
        try:
            if not (task.folder / segment_name(index)).exists():
                yield from make_window(index)
        except RenderingCancelled:
            if kept:
                _write_video(task, engine, index, kept)
            yield Cancelled(kept, RESULT if kept else None)
            return
        watch.check_window(index)
        fault = None
        if early is not EarlyStop.NEVER and index == 0 and (found := watch.find_first_fault()):
            if found.sure or early is EarlyStop.STRICT:
                raise _reject_first_window(task, found.message)
            fault = found.message
            logger.warning("goes on, but is worth a look: %s", fault)
        kept = task.plan.new_frames(index).stop
        yield Window(index, segment_name(index), kept, fault)
    yield Stage(StageName.FINISHING, "Adding the sound")
    _write_video(task, engine, len(task.plan.windows), kept)
    report = watch.write_report()
    yield Finished(_build_result(task, engine, time.monotonic() - started, report))


def _reject_first_window(task: Task, message: str) -> Fault:
    """The end of the work for the first window's sake, which is not kept, so that another try makes
    it anew."""
    for name in (segment_name(0), measurements_name(0)):
        (task.folder / name).unlink(missing_ok=True)
    advice = (
        "This happens once in a while. Another try with a fresh random start usually works; "
        "a larger face in the frame helps too."
    )
    return Fault(FaultCode.BAD_WINDOW, f"{message} {advice}", f"seed {task.plan.seed}")


def _write_video(task: Task, engine: str, segments: int, frames: int) -> None:
    paths = [task.folder / segment_name(index) for index in range(segments)]
    join_segments(
        paths,
        task.folder / SOUND,
        frames,
        task.prepare_path(RESULT),
        _build_metadata(task, engine, frames),
    )


def _build_metadata(task: Task, engine: str, frames: int) -> dict[str, str]:
    request, plan = task.request, task.plan
    settings = {
        "ai_generated": True,
        "engine": engine,
        "quality": plan.quality,
        "seed": plan.seed,
        "shape": plan.shape,
        "frames": frames,
        "crop": [plan.crop.left, plan.crop.top, plan.crop.width],
        "speaking": request.speaking,
        "used_s": [sample / SAMPLE_RATE_HZ for sample in find_used_range(request.soundtrack)],
        "prompt": request.prompt,
    }
    if request.sampling is not None:
        settings |= {name: getattr(request.sampling, name) for name in LABELS}
        settings["negative_prompt"] = request.negative_prompt
    return {
        "title": "Talking Portrait",
        "description": "AI-generated video: a still picture animated to a recording.",
        "comment": json.dumps(settings),
    }


def _build_result(task: Task, engine: str, seconds: float, report: str | None) -> Result:
    plan = task.plan
    return Result(
        path=RESULT,
        frames=plan.frames,
        duration_s=plan.duration_s,
        width=plan.width,
        height=plan.height,
        fps=FPS,
        engine=engine,
        seconds=round(seconds, 2),
        report=report,
    )
