"""Pipeline from a task to a finished draft, as the engine's events."""

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inference.core.errors import build_no_face_error
from inference.core.events import Event, Stage, StageName, Step
from inference.core.task import PICTURE, SOUND, Task, segment_name, voice_name
from inference.core.timing import SAMPLES_PER_FRAME, place_recordings
from inference.draft.attention import attend
from inference.draft.performer import Performer
from inference.draft.voice.speech import MouthCurves, analyse
from inference.draft.watermark import Watermark
from inference.media.audio import mix_voices, read_mono
from inference.media.image import render_crop
from inference.media.portrait import find_landmarks
from inference.media.video import SegmentWriter
from inference.rendering.windows import RenderingCancelled, render_windows, save_preview
from presets.schema import EngineFamily

logger = logging.getLogger(__name__)

_STEP_FRAMES = 5  # frames between two Step events
_PREVIEW_FRAMES = 15  # frames between two previews


class _TimeEstimator:
    """Estimator of the remaining time, from the speed of drawing so far."""

    def __init__(self, frames: int) -> None:
        self._frames, self._since, self._drawn = frames, time.monotonic(), 0

    def estimate_left_s(self, number: int) -> float:
        """Count frame `number` as drawn and return the seconds until the last frame."""
        self._drawn += 1
        per_frame_s = (time.monotonic() - self._since) / self._drawn
        return round(per_frame_s * (self._frames - number - 1), 1)


class Scene:
    """The picture with all its performers; draws any frame of the video."""

    def __init__(self, task: Task, curves: list[MouthCurves]) -> None:
        plan = task.plan
        self._still = render_crop(
            task.prepare_path(PICTURE), plan.picture, plan.crop, plan.width, plan.height
        )
        logger.debug("frame: uint8 %s from %s", self._still.shape, plan.crop)
        looks = attend(
            [curves[speaker.audio].energy for speaker in plan.speakers],
            [((s.box[0] + s.box[2]) / 2, (s.box[1] + s.box[3]) / 2) for s in plan.speakers],
        )
        self._performers = [
            Performer(
                self._still,
                find_landmarks(self._still, speaker.box, speaker.roll_rad),
                curves[speaker.audio],
                plan.seed + speaker.audio,
                look,
            )
            for speaker, look in zip(plan.speakers, looks, strict=True)
        ]
        self._mark = Watermark(plan.width, plan.height, [s.box for s in plan.speakers])

    def draw_frame(self, index: int) -> NDArray[np.uint8]:
        """Return frame `index` of the video, RGB uint8 (h, w, 3), as a new array."""
        canvas = self._still.copy()
        for performer in self._performers:
            performer.draw_face(canvas, index)
        for performer in self._performers:  # after all faces: neighbouring areas may overlap
            performer.move_head(canvas, index)
        self._mark.draw(canvas)
        return canvas


def draw(task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Draw the draft of `task`, yielding its events; after a cancel, finished windows are kept.

    Windows that an earlier start finished are reported, but not redrawn.
    Raises PortraitError (no face where the plan has one) and OSError (disk).
    """
    started = time.monotonic()
    yield Stage(StageName.LISTENING, "Listening to the voice")
    if not task.plan.speakers:
        raise build_no_face_error()
    curves = _analyse_voices(task)
    logger.debug("curves: %d speakers, %d frames", len(curves), task.plan.frames)
    yield Stage(StageName.LOOKING, "Looking at the picture")
    scene = Scene(task, curves)
    yield Stage(StageName.DRAWING, "Drawing the draft")
    estimator = _TimeEstimator(task.plan.frames)
    make_window = partial(_draw_window, task, scene, estimator, cancelled)
    yield from render_windows(task, EngineFamily.DRAFT.value, make_window, started)


def _analyse_voices(task: Task) -> list[MouthCurves]:
    """Write the mixed sound and return the mouth curves of each recording."""
    mix_voices(task, task.prepare_path(SOUND))
    frames = task.plan.frames
    samples = frames * SAMPLES_PER_FRAME
    return [
        analyse(read_mono(task.prepare_path(voice_name(index)), span, samples), frames)
        for index, span in enumerate(place_recordings(task.request.soundtrack))
    ]


def _draw_window(
    task: Task, scene: Scene, estimator: _TimeEstimator, cancelled: Callable[[], bool], index: int
) -> Iterator[Event]:
    """Draw the window's new frames into its segment. Raises RenderingCancelled after a cancel."""
    frames, plan = task.plan.new_frames(index), task.plan
    segment = task.prepare_path(segment_name(index))
    with SegmentWriter(segment, plan.width, plan.height) as writer:
        for done, number in enumerate(frames, start=1):
            if cancelled():
                raise RenderingCancelled
            frame = scene.draw_frame(number)
            writer.write(frame)
            left_s = estimator.estimate_left_s(number)
            if number % _PREVIEW_FRAMES == 0:
                yield save_preview(task, frame)
            if done % _STEP_FRAMES == 0 or done == len(frames):
                yield Step(done, len(frames), index, len(plan.windows), left_s)
