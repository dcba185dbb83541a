"""Peaks of a curve with their prominence and width.

Equal to `find_peaks` and `peak_widths` of `scipy.signal`, which takes longer to import than a short
draft takes to draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Peak:
    """Prominence of a peak, and the fractional samples where it starts and ends."""

    prominence: float
    start: float
    end: float


def find_peaks(
    curve: NDArray[np.floating],
    min_prominence: float,
    span: int,
    max_plateau: int,
    width_level: float,
) -> Iterator[Peak]:
    """Yield the peaks of `curve` (n,) with at least that prominence, in order.

    Prominence is measured within `span` / 2 samples of a peak. The flat top of a peak has at most
    `max_plateau` samples; its width is that at the share `width_level` of its prominence, from the
    top.
    """
    values = curve.tolist()
    for first, last in _find_tops(curve):
        if last - first >= max_plateau:
            continue
        middle = (first + last) // 2
        top = values[middle]
        before = values[max(0, middle - span // 2) : middle + 1][::-1]
        after = values[middle : middle + span // 2 + 1]
        (left_base, left), (right_base, right) = _find_base(before), _find_base(after)
        prominence = top - max(left, right)
        if prominence < min_prominence:
            continue
        level = top - prominence * width_level
        start = middle - _find_edge(before[: left_base + 1], level)
        yield Peak(prominence, start, middle + _find_edge(after[: right_base + 1], level))


def _find_tops(curve: NDArray[np.floating]) -> Iterator[tuple[int, int]]:
    """Yield the first and last sample of each run of equal values higher than both sides."""
    starts = np.flatnonzero(np.diff(curve, prepend=np.nan))  # of runs; NaN counts as a change
    levels = curve[starts]
    higher = (levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])
    for index in (1 + np.flatnonzero(higher)).tolist():
        yield int(starts[index]), int(starts[index + 1]) - 1


def _find_base(side: list[float]) -> tuple[int, float]:
    """Return index and value of the minimum of `side` before it rises above its first value."""
    end = next((index for index, value in enumerate(side) if value > side[0]), len(side))
    lowest = min(side[:end])
    return side.index(lowest), lowest


def _find_edge(side: list[float], level: float) -> float:
    """Return the distance from the top at which `side`, up to its base, falls to `level`."""
    index = next((index for index, value in enumerate(side) if value <= level), len(side) - 1)
    if side[index] >= level:
        return float(index)
    return index - (level - side[index]) / (side[index - 1] - side[index])
