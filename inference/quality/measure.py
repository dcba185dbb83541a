"""A stretch of a video in numbers, a set for each frame: decoded once, never held.

A window is measured as soon as it is finished, and its numbers are kept beside it: what a job
that goes on after a stop needs for its report is there already.
"""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from inference.core.timing import FPS
from inference.media.faces import FaceMesh
from inference.quality.container import build_unreadable_error, open_video
from inference.quality.face_tracker import Box, FaceStats, FaceTracker
from inference.quality.pixels import (
    FrameAnalyser,
    FrameStats,
    compute_small_size,
    measure_change,
    shrink,
)

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# The mesh costs more than all else together. Lips move below 6 Hz, so every second frame will do;
# two faces take turns.
_FACE_INTERVAL_FRAMES = 2


# Slow drifts of a head are told from a frame that stands still by looking this far back.
MIN_FROZEN_FRAMES = 8


@dataclass(frozen=True)
class Measurements:
    """What was measured of n frames with p speakers.

    `width`, `height` and `fps` are those of the frames, `picture_width`, `picture_height`,
    `picture_highlight` and `picture_smoothness` those of the picture, which was given if `pictured`
    and is the first frame if not. For each frame, float32 (n,) or, where said, more: `highlight`,
    `smoothness`, `likeness`, `continuity`, `colour` (n, 3) and `contrast` as in `pixels.Look`;
    `step` and `measure_change`, the differences to the frame before and to that `MIN_FROZEN_FRAMES`
    before, in levels; `gap` and `identity` (n, p), as in `following.FaceLook`. NaN: nothing to
    compare with, not looked at, not seen. `last` holds small grey copies, uint8 (k, h, w), of the
    last frames.
    """

    width: int
    height: int
    fps: float
    pictured: bool
    picture_width: int
    picture_height: int
    picture_highlight: float
    picture_smoothness: float
    highlight: Floats
    smoothness: Floats
    likeness: Floats
    continuity: Floats
    colour: Floats
    contrast: Floats
    step: Floats
    change: Floats
    gap: Floats
    identity: Floats
    last: Pixels

    @property
    def frames(self) -> int:
        return len(self.highlight)

    def save(self, path: Path) -> None:
        """Write the numbers to `path`, an npz, which appears when it is complete."""
        part = path.with_name(f"{path.name}.part")
        arrays: dict[str, Any] = {each.name: getattr(self, each.name) for each in _FIELDS}
        with part.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(part, path)

    @staticmethod
    def load(path: Path) -> "Measurements":
        """What `save` wrote. Raises OSError or ValueError for anything else."""
        with np.load(path, allow_pickle=False) as kept:
            missing = [each.name for each in _FIELDS if each.name not in kept]
            if missing:
                raise ValueError(f"{path} lacks {', '.join(missing)}")
            values = {each.name: kept[each.name] for each in _FIELDS}
        plain = {name: value if value.ndim else value.item() for name, value in values.items()}
        return Measurements(**plain)


_FIELDS = fields(Measurements)


@dataclass(frozen=True)
class _FrameMeasurement:
    """What is noted of one frame."""

    stats: FrameStats
    step: float
    change: float
    faces: list[FaceStats]


class Measurer:
    """Measures segments of one video, in their order.

    `picture` is the picture as the finished frame shows it, RGB uint8 (h, w, 3); None: the first
    frame that is measured. `boxes` are the speakers' faces in it (left, top, right, bottom).
    """

    def __init__(self, picture: Pixels | None, boxes: Sequence[Box]) -> None:
        self._boxes, self._mesh = tuple(boxes), FaceMesh()
        self._reformatter = VideoReformatter()
        self._beholder: FrameAnalyser | None = None
        self._pictured = picture is not None
        if picture is not None:
            self._set_picture(picture)

    def measure(self, segment: Path, previous: Measurements | None = None) -> Measurements:
        """What there is to measure of `segment`, an mp4; `previous` is what comes before it."""
        greys = deque([] if previous is None else list(previous.last), MIN_FROZEN_FRAMES)
        notes: list[_FrameMeasurement] = []
        with open_video(segment) as (container, stream):
            fps = float(stream.average_rate or FPS)
            for index, frame in enumerate(container.decode(stream)):
                beholder = self._beholder or self._set_picture(_to_rgb(frame))
                size = frame.width, frame.height
                small = self._shrink(frame)
                grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
                step = measure_change(grey, greys[-1]) if greys else np.nan
                since = (
                    measure_change(grey, greys[0]) if len(greys) == MIN_FROZEN_FRAMES else np.nan
                )
                notes.append(
                    _FrameMeasurement(
                        beholder.analyse(small), step, since, self._track_faces(frame, index)
                    )
                )
                greys.append(grey)
        if not notes:
            raise build_unreadable_error("no frames")
        return self._collect(size, fps, notes, np.stack(list(greys)))

    def _set_picture(self, picture: Pixels) -> FrameAnalyser:
        self._picture_size = picture.shape[1], picture.shape[0]
        self._small_size = compute_small_size(*self._picture_size)
        small = shrink(picture)
        self._picture_look = FrameAnalyser(small).analyse(small)
        self._followers = [FaceTracker(self._mesh, picture, box) for box in self._boxes]
        self._beholder = FrameAnalyser(small)
        return self._beholder

    def _shrink(self, frame: av.VideoFrame) -> Pixels:
        width, height = self._small_size
        small = self._reformatter.reformat(
            frame, width, height, "rgb24", interpolation=Interpolation.AREA
        )
        return np.asarray(small.to_ndarray(), np.uint8)

    def _track_faces(self, frame: av.VideoFrame, index: int) -> list[FaceStats]:
        """What every face does in a frame; of all but those whose turn it is, nothing."""
        turns = [
            (index + place) % _FACE_INTERVAL_FRAMES == 0 for place in range(len(self._followers))
        ]
        if not any(turns):
            return [FaceStats()] * len(turns)
        pixels = _to_rgb(frame)
        if pixels.shape[1::-1] != self._picture_size:
            pixels = np.asarray(cv2.resize(pixels, self._picture_size), np.uint8)
        return [
            follower.track(pixels) if turn else FaceStats()
            for follower, turn in zip(self._followers, turns, strict=True)
        ]

    def _collect(
        self, size: tuple[int, int], fps: float, notes: list[_FrameMeasurement], last: Pixels
    ) -> Measurements:
        looks = [note.stats for note in notes]
        return Measurements(
            width=size[0],
            height=size[1],
            fps=fps,
            pictured=self._pictured,
            picture_width=self._picture_size[0],
            picture_height=self._picture_size[1],
            picture_highlight=self._picture_look.highlight,
            picture_smoothness=self._picture_look.smoothness,
            highlight=_to_floats([look.highlight for look in looks]),
            smoothness=_to_floats([look.smoothness for look in looks]),
            likeness=_to_floats([look.likeness for look in looks]),
            continuity=_to_floats([look.continuity for look in looks]),
            colour=np.stack([look.colour for look in looks]),
            contrast=_to_floats([look.contrast for look in looks]),
            step=_to_floats([note.step for note in notes]),
            change=_to_floats([note.change for note in notes]),
            gap=_to_floats([[face.gap for face in note.faces] for note in notes]),
            identity=_to_floats([[face.likeness for face in note.faces] for note in notes]),
            last=last,
        )


def _to_rgb(frame: av.VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _to_floats(values: Sequence[float] | Sequence[Sequence[float]]) -> Floats:
    return np.asarray(values, np.float32)
