"""From a task to a draft: listen, look, draw frame by frame, join. Yields the engine's events."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.draft.animate import Performer
from inference.draft.mark import DraftMark
from inference.draft.speech import MouthCurves, analyse
from inference.errors import no_face
from inference.events import (
    Cancelled,
    Event,
    Finished,
    Frame,
    Result,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.media.audio import read_mono, write_sound
from inference.media.faces import landmarks
from inference.media.image import render_crop
from inference.media.video import SegmentWriter, join
from inference.task import PICTURE, PREVIEW, RESULT, SOUND, Task, segment_name, voice_name
from inference.timing import FPS, SAMPLES_PER_FRAME, spans

logger = logging.getLogger(__name__)

ENGINE_NAME = "draft"
_STEP_FRAMES = 5  # frames between two Step events
_PREVIEW_FRAMES = 15  # frames between two previews


class _Stopped(Exception):
    """The person cancelled in the middle of a window."""


class _Pace:
    """How fast drawing goes, from which follows how long it takes yet."""

    def __init__(self, frames: int) -> None:
        self._frames, self._since, self._drawn = frames, time.monotonic(), 0

    def left_s(self, number: int) -> float:
        """Seconds till the last frame, now that frame `number` is drawn as one more."""
        self._drawn += 1
        per_frame_s = (time.monotonic() - self._since) / self._drawn
        return round(per_frame_s * (self._frames - number - 1), 1)


class Scene:
    """The picture with everyone who speaks in it; draws any frame, RGB uint8 (height, width, 3)."""

    def __init__(self, task: Task, curves: list[MouthCurves]) -> None:
        plan = task.plan
        self._still = render_crop(
            task.path(PICTURE), plan.picture, plan.crop, plan.width, plan.height
        )
        logger.debug("frame: uint8 %s from %s", self._still.shape, plan.crop)
        self._performers = [
            Performer(
                self._still,
                landmarks(self._still, speaker.box),
                curves[speaker.audio],
                plan.seed + speaker.audio,
            )
            for speaker in plan.speakers
        ]
        self._mark = DraftMark(plan.width, plan.height, [s.box for s in plan.speakers])

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame `index` of the video, a new array."""
        canvas = self._still.copy()
        for performer in self._performers:
            performer.draw_face(canvas, index)
        for performer in self._performers:  # heads last: neighbouring regions may overlap
            performer.move_head(canvas, index)
        self._mark.draw(canvas)
        return canvas


def draw(task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """The events of making `task`'s draft; after a cancel, finished windows stay as a video.

    A window that an earlier start has finished is told of again, but not drawn again.
    Raises PortraitError (no face where the plan says one is) and OSError (disk).
    """
    started = time.monotonic()
    yield Stage(StageName.LISTENING, "Listening to the voice")
    if not task.plan.speakers:
        raise no_face()
    curves = _listen(task)
    logger.debug("curves: %d speakers, %d frames", len(curves), task.plan.frames)
    yield Stage(StageName.LOOKING, "Looking at the picture")
    scene = Scene(task, curves)
    yield Stage(StageName.DRAWING, "Drawing the draft")
    pace, kept = _Pace(task.plan.frames), 0
    for index in range(len(task.plan.windows)):
        try:
            if not (task.folder / segment_name(index)).exists():
                yield from _draw_window(task, scene, index, pace, cancelled)
        except _Stopped:
            if kept:
                _join(task, index, kept)
            yield Cancelled(kept, RESULT if kept else None)
            return
        kept = task.plan.new_frames(index).stop
        yield Window(index, segment_name(index), kept)
    yield Stage(StageName.FINISHING, "Adding the sound")
    _join(task, len(task.plan.windows), kept)
    yield Finished(_result(task, time.monotonic() - started))


def _listen(task: Task) -> list[MouthCurves]:
    """Writes the finished sound; returns one set of curves for each recording."""
    plan = task.plan
    samples = plan.frames * SAMPLES_PER_FRAME
    placed = spans(task.request)
    voices = [task.path(voice_name(index)) for index in range(len(placed))]
    write_sound(voices, placed, samples, task.path(SOUND))
    return [
        analyse(read_mono(voice, span, samples), plan.frames)
        for voice, span in zip(voices, placed, strict=True)
    ]


def _draw_window(
    task: Task, scene: Scene, index: int, pace: _Pace, cancelled: Callable[[], bool]
) -> Iterator[Event]:
    """Draws the window's new frames into its segment. Raises _Stopped when cancelled."""
    frames, plan = task.plan.new_frames(index), task.plan
    segment = task.path(segment_name(index))
    with SegmentWriter(segment, plan.width, plan.height) as writer:
        for done, number in enumerate(frames, start=1):
            if cancelled():
                raise _Stopped
            frame = scene.frame(number)
            writer.write(frame)
            left_s = pace.left_s(number)
            if number % _PREVIEW_FRAMES == 0:
                yield _preview(task, frame)
            if done % _STEP_FRAMES == 0 or done == len(frames):
                yield Step(done, len(frames), index, len(plan.windows), left_s)


def _preview(task: Task, frame: NDArray[np.uint8]) -> Frame:
    """Replaces the preview in one move, so that a reader never sees half of one."""
    target = task.path(PREVIEW)
    part = target.with_suffix(".part")
    Image.fromarray(frame).save(part, "JPEG", quality=80)
    os.replace(part, target)
    return Frame(PREVIEW)


def _join(task: Task, segments: int, frames: int) -> None:
    paths = [task.folder / segment_name(index) for index in range(segments)]
    join(paths, task.folder / SOUND, frames, task.path(RESULT), _metadata(task))


def _metadata(task: Task) -> dict[str, str]:
    request, plan = task.request, task.plan
    settings = {
        "ai_generated": True,
        "engine": ENGINE_NAME,
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


def _result(task: Task, seconds: float) -> Result:
    plan = task.plan
    return Result(
        path=RESULT,
        frames=plan.frames,
        duration_s=plan.duration_s,
        width=plan.width,
        height=plan.height,
        fps=FPS,
        engine=ENGINE_NAME,
        seconds=round(seconds, 2),
    )
