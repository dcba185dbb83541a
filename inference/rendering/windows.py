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
from inference.core.plan import find_preset
from inference.core.request import SAMPLE_RATE_HZ
from inference.core.task import PREVIEW, RESULT, SOUND, Task, measured_name, segment_name
from inference.core.timing import FPS, used_range
from inference.core.tuning import NAMES
from inference.media.video import join
from inference.quality.live_checker import Watch

logger = logging.getLogger(__name__)


class EarlyStop(Enum):
    """When a first window ends a job: never; when it is surely of no use; when it seems so."""

    NEVER = "never"
    SURE = "sure"
    STRICT = "strict"


class Stopped(Exception):
    """The person cancelled in the middle of a window."""


def save_preview(task: Task, frame: NDArray[np.uint8]) -> Frame:
    """The event of a new preview, `frame`: RGB uint8 (height, width, 3).

    The file is replaced in one move, so that a reader never sees half of one.
    """
    target = task.path(PREVIEW)
    part = target.with_suffix(".part")
    Image.fromarray(frame).save(part, "JPEG", quality=80)
    os.replace(part, target)
    return Frame(PREVIEW)


def assemble(
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
    with Watch(task) as watch:
        yield from _assembled(task, engine, make_window, started, watch, early)


def _assembled(
    task: Task,
    engine: str,
    make_window: Callable[[int], Iterator[Event]],
    started: float,
    watch: Watch,
    early: EarlyStop,
) -> Iterator[Event]:
    kept = 0
    for index in range(len(task.plan.windows)):
        try:
            if not (task.folder / segment_name(index)).exists():
                yield from make_window(index)
        except Stopped:
            if kept:
                _join(task, engine, index, kept)
            yield Cancelled(kept, RESULT if kept else None)
            return
        watch.look(index)
        fault = None
        if early is not EarlyStop.NEVER and index == 0 and (found := watch.first_fault()):
            if found.sure or early is EarlyStop.STRICT:
                raise _of_no_use(task, found.message)
            fault = found.message
            logger.warning("goes on, but is worth a look: %s", fault)
        kept = task.plan.new_frames(index).stop
        yield Window(index, segment_name(index), kept, fault)
    yield Stage(StageName.FINISHING, "Adding the sound")
    _join(task, engine, len(task.plan.windows), kept)
    report = watch.report()
    yield Finished(_result(task, engine, time.monotonic() - started, report))


def _of_no_use(task: Task, message: str) -> Fault:
    """The end of the work for the first window's sake, which is not kept, so that another try makes
    it anew."""
    for name in (segment_name(0), measured_name(0)):
        (task.folder / name).unlink(missing_ok=True)
    advice = (
        "This happens once in a while. Another try with a fresh random start usually works; "
        "a larger face in the frame helps too."
    )
    return Fault(FaultCode.BAD_WINDOW, f"{message} {advice}", f"seed {task.plan.seed}")


def _join(task: Task, engine: str, segments: int, frames: int) -> None:
    paths = [task.folder / segment_name(index) for index in range(segments)]
    join(paths, task.folder / SOUND, frames, task.path(RESULT), _metadata(task, engine, frames))


def _metadata(task: Task, engine: str, frames: int) -> dict[str, str]:
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
        "used_s": [sample / SAMPLE_RATE_HZ for sample in used_range(request)],
        "prompt": request.prompt,
    }
    sampling = find_preset(plan.quality).sampling
    if sampling is not None:
        used = request.tuning.applied(sampling)
        settings |= {name: getattr(used, name) for name in NAMES}
        settings["negative_prompt"] = request.negative_prompt
    return {
        "title": "Talking Portrait",
        "description": "AI-generated video: a still picture animated to a recording.",
        "comment": json.dumps(settings),
    }


def _result(task: Task, engine: str, seconds: float, report: str | None) -> Result:
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
