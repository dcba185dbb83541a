"""What every engine does around its windows: sound, previews, segments joined to the video.

How a window is made is the engine's own; the order, what is left out after an earlier start, what
a cancel keeps and what the finished file says of itself are the same for all.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.events import Cancelled, Event, Finished, Frame, Result, Stage, StageName, Window
from inference.media.audio import write_sound
from inference.media.video import join
from inference.task import PREVIEW, RESULT, SOUND, Task, segment_name, voice_name
from inference.timing import FPS, SAMPLES_PER_FRAME, spans


class Stopped(Exception):
    """The person cancelled in the middle of a window."""


def mix_voices(task: Task, target: Path) -> None:
    """Write the finished sound, as long as the video, with every voice in its place: 48 kHz WAV."""
    placed = spans(task.request)
    voices = [task.path(voice_name(index)) for index in range(len(placed))]
    write_sound(voices, placed, task.plan.frames * SAMPLES_PER_FRAME, target)


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
    task: Task, engine: str, make_window: Callable[[int], Iterator[Event]], started: float
) -> Iterator[Event]:
    """The events from the first window to the end; after a cancel, finished windows stay a video.

    `make_window` writes the segment of a window and yields what happens on the way; it raises
    Stopped when cancelled. It is not asked for a window that an earlier start has finished, which
    is only told of again. SOUND has to be there. `started` is `time.monotonic()` at the task's
    beginning.
    """
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
        kept = task.plan.new_frames(index).stop
        yield Window(index, segment_name(index), kept)
    yield Stage(StageName.FINISHING, "Adding the sound")
    _join(task, engine, len(task.plan.windows), kept)
    yield Finished(_result(task, engine, time.monotonic() - started))


def _join(task: Task, engine: str, segments: int, frames: int) -> None:
    paths = [task.folder / segment_name(index) for index in range(segments)]
    join(paths, task.folder / SOUND, frames, task.path(RESULT), _metadata(task, engine))


def _metadata(task: Task, engine: str) -> dict[str, str]:
    request, plan = task.request, task.plan
    settings = {
        "ai_generated": True,
        "engine": engine,
        "quality": plan.quality,
        "seed": plan.seed,
        "shape": plan.shape,
        "frames": plan.frames,
        "crop": [plan.crop.left, plan.crop.top, plan.crop.width],
        "speaking": request.speaking,
        "prompt": request.prompt,
    }
    return {
        "title": "Talking Portrait",
        "description": "AI-generated video: a still picture animated to a recording.",
        "comment": json.dumps(settings),
    }


def _result(task: Task, engine: str, seconds: float) -> Result:
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
    )
