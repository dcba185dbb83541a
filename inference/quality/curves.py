"""Arithmetic on series of one value per frame; missing values are NaN."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from inference.core.report import Curve

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

MAX_CURVE_VALUES = 120  # in a curve of a report
_MIN_VARIATION = 1e-9  # product of standard deviations; less is rounding


def fill_gaps(values: Floats, reach: int) -> Floats:
    """Interpolate missing `values` (n,) linearly where a known one is within `reach` frames."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return values
    frames = np.arange(len(values))
    out = np.interp(frames, known, values[known])
    near = np.searchsorted(known, frames)
    before = frames - known[np.maximum(near - 1, 0)]
    after = known[np.minimum(near, len(known) - 1)] - frames
    distance = np.minimum(np.abs(before), np.abs(after))
    return np.where(distance <= reach, out, np.nan).astype(np.float32)


def smooth(values: Floats, frames: int) -> Floats:
    """Return the running median over `frames` frames; NaN where a value is missing."""
    missing = np.isnan(values)
    if missing.all():
        return values
    bridged = fill_gaps(values, len(values))
    return np.where(missing, np.nan, median_filter(bridged, frames, mode="nearest"))


def find_runs(flags: Flags) -> Iterator[range]:
    """Yield the runs of set `flags` (n,), as ranges in ascending order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        yield range(start, stop)


def build_curve(values: Floats, low: float, high: float) -> Curve:
    """Return a report's curve: the means of at most `MAX_CURVE_VALUES` equal parts."""
    parts = np.array_split(values, min(MAX_CURVE_VALUES, len(values)))
    means = [None if np.isnan(part).all() else round(float(np.nanmean(part)), 4) for part in parts]
    return Curve(tuple(means), low, high)


def compute_correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's correlation over the values both have; 0 where one of them is constant."""
    both = ~(np.isnan(one) | np.isnan(other))
    if not both.any():
        return 0.0
    a, b = one[both].astype(np.float64), other[both].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / size if size > _MIN_VARIATION * len(a) else 0.0
