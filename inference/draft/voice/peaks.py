"""Peaks of a curve, with how far each stands out and how wide it is.

As `find_peaks` and `peak_widths` of SciPy's signal room have them, which takes longer to load than
a short draft takes to draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Peak:
    """How far it stands out of what is around it, and between which (fractional) samples."""

    prominence: float
    start: float
    end: float


def find_peaks(
    curve: NDArray[np.floating], least: float, span: int, longest: int, height: float
) -> Iterator[Peak]:
    """The peaks of `curve` (n,) with a prominence of at least `least`, from the first to the last.

    Looked at is what is within `span` / 2 samples of one. The top of a peak is flat for `longest`
    samples at most; it is as wide as at the share `height` of its prominence, from the top.
    """
    values = curve.tolist()
    for first, last in _find_tops(curve):
        if last - first >= longest:
            continue
        middle = (first + last) // 2
        top = values[middle]
        before = values[max(0, middle - span // 2) : middle + 1][::-1]
        after = values[middle : middle + span // 2 + 1]
        (left_base, left), (right_base, right) = _find_base(before), _find_base(after)
        prominence = top - max(left, right)
        if prominence < least:
            continue
        level = top - prominence * height
        start = middle - _find_edge(before[: left_base + 1], level)
        yield Peak(prominence, start, middle + _find_edge(after[: right_base + 1], level))


def _find_tops(curve: NDArray[np.floating]) -> Iterator[tuple[int, int]]:
    """First and last sample of each stretch of equal values that is higher than both sides."""
    starts = np.flatnonzero(np.diff(curve, prepend=np.nan))  # of stretches: NaN counts as a change
    levels = curve[starts]
    higher = (levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])
    for index in (1 + np.flatnonzero(higher)).tolist():
        yield int(starts[index]), int(starts[index + 1]) - 1


def _find_base(side: list[float]) -> tuple[int, float]:
    """Where `side`, from a top outwards, is lowest before it gets higher than that top, and how
    low."""
    end = next((at for at, value in enumerate(side) if value > side[0]), len(side))
    lowest = min(side[:end])
    return side.index(lowest), lowest


def _find_edge(side: list[float], level: float) -> float:
    """How far from the top `side`, which ends at its base, comes down to `level`."""
    at = next((at for at, value in enumerate(side) if value <= level), len(side) - 1)
    if side[at] >= level:
        return float(at)
    return at - (level - side[at]) / (side[at - 1] - side[at])
