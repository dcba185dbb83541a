"""Measurements of a video, one set of numbers per frame, from a single pass of decoding.

Each window's measurements are stored beside its segment, so a resumed job has them for its report.
"""

import os
import zipfile
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
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

# The mesh costs more than all else together. Lips move below 6 Hz, so every second frame is enough;
# two faces alternate.
_FACE_INTERVAL_FRAMES = 2

# Distance of the frames compared to tell the slow drift of a head from a frozen frame.
MIN_FROZEN_FRAMES = 8


@dataclass(frozen=True)
class Measurements:
    """Measurements of n frames with p speakers.

    `width`, `height` and `fps` describe the frames, the fields `picture_*` the picture: the task's
    own if `pictured`, else the first frame. Series are float32 (n,) unless a shape is given:

    - `highlight`, `smoothness`, `likeness`, `continuity`, `colour` (n, 3) and `contrast`: see
      `pixels.FrameStats`;
    - `step` and `change`: differences in levels to the previous frame and to the one
      `MIN_FROZEN_FRAMES` earlier;
    - `gap`, `identity` and `yaw` (n, p): `gap`, `likeness` and `yaw_deg` of
      `face_tracker.FaceStats`.

    NaN stands for a frame not measured, or without anything to compare with. `last` holds small
    grey copies of the last frames, uint8 (k, h, w).
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
    yaw: Floats
    last: Pixels

    @property
    def frames(self) -> int:
        return len(self.highlight)

    def save(self, path: Path) -> None:
        """Write an npz file atomically; its keys are the field names."""
        part = path.with_name(f"{path.name}.part")
        arrays: dict[str, Any] = {each.name: getattr(self, each.name) for each in _FIELDS}
        with part.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(part, path)

    @staticmethod
    def load(path: Path) -> "Measurements":
        """Read a file written by `save`. Raises OSError or ValueError for any other."""
        try:
            with path.open("rb") as data, np.load(data, allow_pickle=False) as file:
                values = {each.name: file[each.name] for each in _FIELDS}
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise ValueError(f"{path} is torn, or of another version") from error
        plain = {name: value if value.ndim else value.item() for name, value in values.items()}
        return Measurements(**plain)


_FIELDS = fields(Measurements)


@dataclass(frozen=True)
class _FrameMeasurement:
    """Measurements of one frame."""

    stats: FrameStats
    step: float
    change: float
    faces: list[FaceStats]


class Measurer:
    """Measurer of the segments of one video, in order.

    `picture` is the cropped picture, RGB uint8 (h, w, 3); None stands for the first frame measured.
    `boxes` are the speakers' faces in it (left, top, right, bottom), `rolls_rad` their rolls, as
    far as they are known.
    """

    def __init__(
        self,
        picture: Pixels | None,
        boxes: Sequence[Box],
        rolls_rad: Sequence[float | None] = (),
    ) -> None:
        self._faces, self._mesh = tuple(zip_longest(boxes, rolls_rad)), FaceMesh()
        self._reformatter = VideoReformatter()
        self._analyser: FrameAnalyser | None = None
        self._pictured = picture is not None
        if picture is not None:
            self._set_picture(picture)

    def measure(self, segment: Path, previous: Measurements | None = None) -> Measurements:
        """Measure `segment`, an mp4; `previous` are the measurements of the segment before it."""
        grey_frames = deque([] if previous is None else list(previous.last), MIN_FROZEN_FRAMES)
        samples: list[_FrameMeasurement] = []
        with open_video(segment) as (container, stream):
            fps = float(stream.average_rate or FPS)
            for index, frame in enumerate(container.decode(stream)):
                analyser = self._analyser or self._set_picture(_to_rgb(frame))
                size = frame.width, frame.height
                small = self._shrink(frame)
                grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
                step = measure_change(grey, grey_frames[-1]) if grey_frames else np.nan
                is_full = len(grey_frames) == MIN_FROZEN_FRAMES
                change = measure_change(grey, grey_frames[0]) if is_full else np.nan
                stats, faces = analyser.analyse(small), self._track_faces(frame, index)
                samples.append(_FrameMeasurement(stats, step, change, faces))
                grey_frames.append(grey)
        if not samples:
            raise build_unreadable_error("no frames")
        return self._collect(size, fps, samples, np.stack(list(grey_frames)))

    def _set_picture(self, picture: Pixels) -> FrameAnalyser:
        self._picture_size = picture.shape[1], picture.shape[0]
        self._small_size = compute_small_size(*self._picture_size)
        small = shrink(picture)
        self._picture_stats = FrameAnalyser(small).analyse(small)
        self._trackers = [FaceTracker(self._mesh, picture, *face) for face in self._faces]
        self._analyser = FrameAnalyser(small)
        return self._analyser

    def _shrink(self, frame: av.VideoFrame) -> Pixels:
        width, height = self._small_size
        small = self._reformatter.reformat(
            frame, width, height, "rgb24", interpolation=Interpolation.AREA
        )
        return np.asarray(small.to_ndarray(), np.uint8)

    def _track_faces(self, frame: av.VideoFrame, index: int) -> list[FaceStats]:
        """Measure the faces whose turn it is in this frame; the others get NaN."""
        is_due = [
            (index + speaker) % _FACE_INTERVAL_FRAMES == 0 for speaker in range(len(self._trackers))
        ]
        if not any(is_due):
            return [FaceStats()] * len(is_due)
        pixels = _to_rgb(frame)
        if pixels.shape[1::-1] != self._picture_size:
            pixels = np.asarray(cv2.resize(pixels, self._picture_size), np.uint8)
        return [
            tracker.track(pixels) if due else FaceStats()
            for tracker, due in zip(self._trackers, is_due, strict=True)
        ]

    def _collect(
        self, size: tuple[int, int], fps: float, samples: list[_FrameMeasurement], last: Pixels
    ) -> Measurements:
        stats = [sample.stats for sample in samples]
        return Measurements(
            width=size[0],
            height=size[1],
            fps=fps,
            pictured=self._pictured,
            picture_width=self._picture_size[0],
            picture_height=self._picture_size[1],
            picture_highlight=self._picture_stats.highlight,
            picture_smoothness=self._picture_stats.smoothness,
            highlight=_to_floats([look.highlight for look in stats]),
            smoothness=_to_floats([look.smoothness for look in stats]),
            likeness=_to_floats([look.likeness for look in stats]),
            continuity=_to_floats([look.continuity for look in stats]),
            colour=np.stack([look.colour for look in stats]),
            contrast=_to_floats([look.contrast for look in stats]),
            step=_to_floats([sample.step for sample in samples]),
            change=_to_floats([sample.change for sample in samples]),
            gap=_to_floats([[face.gap for face in sample.faces] for sample in samples]),
            identity=_to_floats([[face.likeness for face in sample.faces] for sample in samples]),
            yaw=_to_floats([[face.yaw_deg for face in sample.faces] for sample in samples]),
            last=last,
        )


def _to_rgb(frame: av.VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _to_floats(values: Sequence[float] | Sequence[Sequence[float]]) -> Floats:
    return np.asarray(values, np.float32)
