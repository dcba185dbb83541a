"""Statistics of whole frames against the picture, computed on small copies."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_SMALL_SCALE, _SMALL_SIDE_PX = 0.25, 224  # the small copy: a quarter of the size, at most that long
_COARSE_PX = 4  # pixels of the small copy in one of the coarse copy
_BLOCK_PX = 8  # pixels of the small copy in a block in which changes are measured
_BRIGHT_SHARE = 0.02  # of the pixels are brighter than `highlight`
_MIN_DEVIATION = 2.0  # standard deviation in levels under which a frame has no pattern to compare


def compute_small_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height in pixels of the small copy of a frame."""
    scale = min(_SMALL_SCALE, _SMALL_SIDE_PX / max(width, height))
    return max(_BLOCK_PX, round(width * scale)), max(_BLOCK_PX, round(height * scale))


def shrink(frame: Pixels) -> Pixels:
    """Return the small copy, RGB uint8 (h, w, 3), of a frame of any size."""
    size = compute_small_size(frame.shape[1], frame.shape[0])
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True)
class FrameStats:
    """Statistics of one frame.

    - `highlight`: level, 0 to 255, that only 2 % of the pixels exceed;
    - `smoothness`: correlation of neighbouring pixels, 0 for random ones, 1 for equal ones;
    - `likeness`, `continuity`: correlation, 1 to -1, with the picture and with the previous frame
      (NaN in the first);
    - `colour`: float32 (3,), difference from the picture in CIE Lab (lightness, green to red, blue
      to yellow);
    - `contrast`: ratio to the picture's.
    """

    highlight: float
    smoothness: float
    likeness: float
    continuity: float
    colour: Floats
    contrast: float


class FrameAnalyser:
    """Comparer of small frames with the small copy of the picture, RGB uint8 (h, w, 3)."""

    def __init__(self, picture: Pixels) -> None:
        self._size = _compute_coarse_size(picture)
        coarse = self._shrink_coarse(picture)
        self._pattern, self._lab = _normalise_pattern(coarse), _to_lab(coarse)
        self._before: Floats | None = None

    def analyse(self, small: Pixels) -> FrameStats:
        """Measure the next frame from its small copy."""
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        coarse = self._shrink_coarse(small)
        lab, pattern = _to_lab(coarse), _normalise_pattern(coarse)
        continuity = np.nan if self._before is None else float(np.vdot(pattern, self._before))
        self._before = pattern
        difference = (lab - self._lab).reshape(-1, 3)
        spread, reference = float(lab[..., 0].std()), float(self._lab[..., 0].std())
        return FrameStats(
            _measure_highlight(grey),
            _measure_smoothness(grey.astype(np.float32)),
            float(np.vdot(pattern, self._pattern)),
            continuity,
            np.median(difference, 0).astype(np.float32),  # the median ignores moving parts
            (spread + 1) / (reference + 1),
        )

    def _shrink_coarse(self, small: Pixels) -> Floats:
        small_copy = cv2.resize(small, self._size, interpolation=cv2.INTER_AREA)
        return np.asarray(small_copy, np.float32)


def measure_change(grey: Pixels, previous: Pixels) -> float:
    """Return how much two small grey frames, uint8 (h, w), differ.

    This is the mean difference, in levels, of the block where it is largest.
    """
    height, width = grey.shape
    blocks = max(1, width // _BLOCK_PX), max(1, height // _BLOCK_PX)
    difference = cv2.absdiff(grey, previous).astype(np.float32)
    return float(cv2.resize(difference, blocks, interpolation=cv2.INTER_AREA).max())


def _compute_coarse_size(small: Pixels) -> tuple[int, int]:
    return max(1, small.shape[1] // _COARSE_PX), max(1, small.shape[0] // _COARSE_PX)


def _normalise_pattern(coarse: Floats) -> Floats:
    """Return a frame without its brightness and tint, scaled to length 1; 0 if it is flat."""
    centred = coarse - coarse.mean((0, 1))
    size = float(np.linalg.norm(centred))
    flat = size < _MIN_DEVIATION * np.sqrt(centred.size)
    return np.zeros_like(centred) if flat else np.asarray(centred / size, np.float32)


def _to_lab(coarse: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(coarse / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)


def _measure_highlight(grey: Pixels) -> float:
    counts = np.bincount(grey.reshape(-1), minlength=256)
    return float(np.searchsorted(np.cumsum(counts), (1 - _BRIGHT_SHARE) * grey.size))


def _measure_smoothness(grey: Floats) -> float:
    """Return the correlation of each pixel with the next across and down; 1 in a flat frame."""
    centred = grey - grey.mean()
    power = float(np.mean(centred**2))
    if power < _MIN_DEVIATION**2:
        return 1.0
    across = float(np.mean(centred[:, 1:] * centred[:, :-1]))
    down = float(np.mean(centred[1:] * centred[:-1]))
    return (across + down) / 2 / power
