"""The small plot of a curve: a band, a line, and what leaves the band once more."""

import pytest

from inference.core.report import Curve
from tests.support.markup import Node, tree
from ui.views.plot import plot


def drawn(curve: Curve) -> tuple[Node, list[Node]]:
    """The band and the paths."""
    (svg,) = tree(plot(curve)).all("svg")
    assert svg.attributes["aria-hidden"] == "true"
    (band,) = svg.all("rect")
    return band, svg.all("path")


def test_a_good_curve_is_a_line_in_its_band() -> None:
    band, paths = drawn(Curve((0.0, 0.5, 1.0), low=0.0, high=1.0))
    assert (band.attributes["y"], band.attributes["height"]) == ("2.0", "22.0")
    (line,) = paths
    assert line.attributes["d"] == "M0.0 24.0L172.0 13.0L344.0 2.0"
    assert line.attributes["stroke"] == "var(--pine)"


def test_what_leaves_the_band_is_drawn_once_more() -> None:
    band, (line, outside) = drawn(Curve((0.0, 0.0, 2.0, 0.0, 0.0), low=0.0, high=1.0))
    assert (band.attributes["y"], band.attributes["height"]) == ("13.0", "11.0")
    assert outside.attributes["d"] == "M86.0 24.0L172.0 2.0L258.0 24.0"
    assert outside.attributes["stroke"] == "var(--look)"
    assert line.attributes["d"].count("L") == 4


@pytest.mark.parametrize(
    ("values", "strokes"),
    [((0.2, 0.4, None, 0.4, 0.2), 2), ((None, None), 0), ((), 0), ((1.0,), 0), ((0.5, 0.5), 1)],
)
def test_where_nothing_was_measured_nothing_is_drawn(
    values: tuple[float | None, ...], strokes: int
) -> None:
    _, paths = drawn(Curve(values, low=0.0, high=1.0))
    assert sum(path.attributes["d"].count("M") for path in paths) == strokes


def test_a_band_without_height_does_no_harm() -> None:
    band, paths = drawn(Curve((3.0, 3.0), low=3.0, high=3.0))
    assert band.attributes["height"] == "0.0" and len(paths) == 1
