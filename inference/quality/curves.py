"""Arithmetic on series of one value a frame, some of which may be missing (NaN)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from inference.core.report import Curve

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

MAX_CURVE_VALUES = 120  # of a curve in a report
_MIN_VARIATION = 1e-9  # product of two standard deviations that is but rounding


def fill_gaps(values: Floats, reach: int) -> Floats:
    """`values` (n,) with gaps bridged in a straight line where a value is within `reach`."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return values
    at = np.arange(len(values))
    out = np.interp(at, known, values[known])
    near = np.searchsorted(known, at)
    before = at - known[np.maximum(near - 1, 0)]
    after = known[np.minimum(near, len(known) - 1)] - at
    distance = np.minimum(np.abs(before), np.abs(after))
    return np.where(distance <= reach, out, np.nan).astype(np.float32)


def smooth(values: Floats, frames: int) -> Floats:
    """The running median over so many frames; NaN where a value is missing."""
    missing = np.isnan(values)
    if missing.all():
        return values
    bridged = fill_gaps(values, len(values))
    return np.where(missing, np.nan, median_filter(bridged, frames, mode="nearest"))


def find_runs(flags: Flags) -> Iterator[range]:
    """Where `flags` (n,) are set, as ranges, the first one first."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        yield range(start, stop)


def build_curve(values: Floats, low: float, high: float) -> Curve:
    """The curve of a report: the mean of each of at most `MAX_CURVE_VALUES` equal parts."""
    parts = np.array_split(values, min(MAX_CURVE_VALUES, len(values)))
    means = [None if np.isnan(part).all() else round(float(np.nanmean(part)), 4) for part in parts]
    return Curve(tuple(means), low, high)


def compute_correlation(one: Floats, other: Floats) -> float:
    """Pearson's, of what both have; 0 where one of them does not vary."""
    both = ~(np.isnan(one) | np.isnan(other))
    if not both.any():
        return 0.0
    a, b = one[both].astype(np.float64), other[both].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / size if size > _MIN_VARIATION * len(a) else 0.0
