"""Rendering loop over windows that all engines share: previews, events, and the finished video.

An engine only renders single windows. The order, the skipping of windows that exist already, the
result after a cancel, and the metadata of the finished file are the same for all engines.
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
from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.options import LABELS
from inference.core.task import PREVIEW, RESULT, SOUND, Task, measurements_name, segment_name
from inference.core.timing import FPS, find_used_range
from inference.media.video import join_segments
from inference.quality.live_checker import LiveChecker
from inference.rendering.provenance.marks import build_xmp_box
from presets.quality import PRESETS

logger = logging.getLogger(__name__)


class EarlyStop(Enum):
    """Condition for a job to end after its first window: none, a sure or a suspected defect."""

    NEVER = "never"
    SURE = "sure"
    STRICT = "strict"


class RenderingCancelled(Exception):
    """The user cancelled in the middle of a window."""


def save_preview(task: Task, frame: NDArray[np.uint8]) -> Frame:
    """Write the preview `frame`, RGB uint8 (height, width, 3), and return its event.

    The file is replaced atomically, so that a reader never sees half of one.
    """
    target = task.prepare_path(PREVIEW)
    part = target.with_suffix(".part")
    Image.fromarray(frame).save(part, "JPEG", quality=80)
    os.replace(part, target)
    return Frame(PREVIEW)


def render_windows(
    task: Task,
    engine: str,
    render_window: Callable[[int], Iterator[Event]],
    started_s: float,
    early_stop: EarlyStop = EarlyStop.NEVER,
    model: str | None = None,
) -> Iterator[Event]:
    """Yield the events from the first window to the final one; a cancel keeps the finished windows.

    `render_window` writes the segment of a window, yields its events, and raises
    RenderingCancelled. It is not called for windows with an existing segment, which only yield
    their Window event. The file SOUND must exist. `started_s` is `time.monotonic()` at the task's
    beginning, `model` the name of the engine's model. Raises Fault for a defective first window,
    according to `early_stop`.
    """
    with LiveChecker(task) as checker:
        yield from _render_windows(
            task, engine, render_window, started_s, checker, early_stop, model
        )


def _render_windows(
    task: Task,
    engine: str,
    render_window: Callable[[int], Iterator[Event]],
    started_s: float,
    checker: LiveChecker,
    early_stop: EarlyStop,
    model: str | None,
) -> Iterator[Event]:
    frames = 0
    for index in range(len(task.plan.windows)):
        try:
            if not (task.folder / segment_name(index)).exists():
                yield from render_window(index)
        except RenderingCancelled:
            if frames:
                _write_video(task, engine, index, frames)
            yield Cancelled(frames, RESULT if frames else None)
            return
        checker.check_window(index)
        fault = _check_first_window(task, checker, early_stop) if index == 0 else None
        frames = task.plan.new_frames(index).stop
        yield Window(index, segment_name(index), frames, fault)
    yield Stage(StageName.FINISHING, "Adding the sound")
    _write_video(task, engine, len(task.plan.windows), frames)
    report = checker.write_report()
    yield Finished(_build_result(task, engine, time.monotonic() - started_s, report, model))


def _check_first_window(task: Task, checker: LiveChecker, early_stop: EarlyStop) -> str | None:
    """Return a sentence about a suspected defect, if there is one.

    Raises Fault for a defect that ends the job, and deletes the window then, so that a retry
    renders it.
    """
    defect = checker.find_first_fault() if early_stop is not EarlyStop.NEVER else None
    if defect is None:
        return None
    if not defect.sure and early_stop is not EarlyStop.STRICT:
        logger.warning("first window may be defective: %s", defect.message)
        return defect.message
    for name in (segment_name(0), measurements_name(0)):
        (task.folder / name).unlink(missing_ok=True)
    advice = (
        "This happens once in a while. Another try with a fresh random start usually works; "
        "a larger face in the frame helps too."
    )
    raise Fault(FaultCode.BAD_WINDOW, f"{defect.message} {advice}", f"seed {task.plan.seed}")


def _write_video(task: Task, engine: str, segments: int, frames: int) -> None:
    paths = [task.folder / segment_name(index) for index in range(segments)]
    join_segments(
        paths,
        task.folder / SOUND,
        frames,
        task.prepare_path(RESULT),
        _build_metadata(task, engine, frames),
        build_xmp_box(PRESETS[task.plan.quality].engine),
    )


def _build_metadata(task: Task, engine: str, frames: int) -> dict[str, str]:
    request, plan = task.request, task.plan
    settings = {
        "ai_generated": True,
        "engine": engine,
        "quality": plan.quality,
        "seed": plan.seed,
        "shape": plan.shape,
        "width": plan.width,
        "height": plan.height,
        "frames": frames,
        "crop": [plan.crop.left, plan.crop.top, plan.crop.width],
        "speaking": request.speaking,
        "used_s": [sample / SAMPLE_RATE_HZ for sample in find_used_range(request.soundtrack)],
    }
    if request.sampling is not None:
        settings |= {name: getattr(request.sampling, name) for name in LABELS}
    return {
        "title": "Talking Portrait",
        "description": "AI-generated video: a still picture animated to a recording.",
        "comment": json.dumps(settings),
    }


def _build_result(
    task: Task, engine: str, seconds: float, report: str | None, model: str | None
) -> Result:
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
        model=model,
    )
