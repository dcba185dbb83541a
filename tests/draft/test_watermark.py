"""The draft mark."""

import numpy as np
import pytest

from inference.draft.watermark import Watermark

FACE = (100.0, 80.0, 400.0, 447.0)


@pytest.mark.parametrize("width, height", [(896, 448), (448, 896), (640, 640)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_it_is_legible_on_dark_and_light_and_small(width: int, height: int, level: int) -> None:
    canvas = np.full((height, width, 3), level, np.uint8)
    mark = Watermark(width, height)
    mark.draw(canvas)
    left, top, right, bottom = mark.box
    part = canvas[top:bottom, left:right].astype(int)
    assert part.max() - part[part.shape[0] // 2, 5:9].mean() > 90  # the word against its ground
    assert (right - left) * (bottom - top) < 0.006 * width * height
    canvas[top:bottom, left:right] = level
    assert (canvas == level).all()


def test_it_avoids_faces() -> None:
    left_face, right_face = (0.0, 0.0, 300.0, 300.0), (500.0, 0.0, 896.0, 300.0)
    left, _, _, bottom = Watermark(896, 448, [left_face]).box
    assert left > 500 and bottom < 100
    _, top, _, _ = Watermark(896, 448, [left_face, right_face]).box
    assert top > 400


def test_it_finds_the_least_covered_corner_when_none_is_free() -> None:
    faces = [(0.0, 0.0, 870.0, 448.0), (500.0, 0.0, 896.0, 100.0)]
    left, top, right, bottom = Watermark(896, 448, faces).box
    assert 800 < left < right <= 896 and 400 < top < bottom <= 448
