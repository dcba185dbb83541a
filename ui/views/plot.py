"""A small plot of something over the time of a video: where it is good, and where it is not."""

from collections.abc import Iterable
from itertools import pairwise

from inference.core.report import Curve

_WIDTH, _HEIGHT, _MARGIN = 344.0, 26.0, 2.0
Point = tuple[float, float]


def plot(curve: Curve) -> str:
    """`curve` as an SVG for whoever sees: a band where values are good, a line through them, and
    once more, in the colour of what is worth a look, the parts of it that leave the band.

    Any width suits it; nothing is drawn where nothing was measured.
    """
    known = [value for value in curve.values if value is not None]
    low, high = min([curve.low, *known]), max([curve.high, *known])
    scale = (_HEIGHT - 2 * _MARGIN) / ((high - low) or 1.0)

    def down(value: float) -> float:
        return _MARGIN + (high - value) * scale

    step = _WIDTH / max(len(curve.values) - 1, 1)
    points = [
        None if value is None else (index * step, down(value))
        for index, value in enumerate(curve.values)
    ]
    outside = [
        (one, other)
        for (one, a), (other, b) in pairwise(zip(points, curve.values, strict=True))
        if not (_within(curve, a) and _within(curve, b))
    ]
    top, bottom = down(curve.high), down(curve.low)
    return (
        f'<svg class="tp-sp" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" '
        f'aria-hidden="true"><rect y="{top:.1f}" width="{_WIDTH:g}" height="{bottom - top:.1f}" '
        f'rx="2" fill="var(--pine-tint)"/>{_line(pairwise(points), "pine", 1.75)}'
        f"{_line(outside, 'look', 2.5)}</svg>"
    )


def _within(curve: Curve, value: float | None) -> bool:
    """Whether it is good; what was not measured is not bad."""
    return value is None or curve.low <= value <= curve.high


def _line(pieces: Iterable[tuple[Point | None, Point | None]], colour: str, width: float) -> str:
    """A path of those pieces whose both ends are known; pieces that meet are one stroke."""
    path, at = "", None
    for start, end in pieces:
        if start is None or end is None:
            continue
        if start != at:
            path += f"M{start[0]:.1f} {start[1]:.1f}"
        path += f"L{end[0]:.1f} {end[1]:.1f}"
        at = end
    if not path:
        return ""
    return (
        f'<path d="{path}" fill="none" stroke="var(--{colour})" stroke-width="{width:g}" '
        'stroke-linejoin="round" vector-effect="non-scaling-stroke"/>'
    )
