"""Brows and irises."""

import numpy as np
from numpy.typing import NDArray

from inference.draft.face.upper import UpperFace
from inference.media import faces
from tests.support.portraits import astronaut


def drawn(brows: float, gaze: tuple[float, float]) -> NDArray[np.uint8]:
    portrait = astronaut()
    canvas = portrait.frame.copy()
    face = UpperFace(canvas, portrait.points, portrait.axes)
    face.draw(canvas, brows, np.asarray(gaze, np.float32))
    return canvas


def dark_place(frame: NDArray[np.uint8], indices: tuple[int, ...], pad: int) -> NDArray[np.float64]:
    """The middle, x and y, of what is darkest around these points."""
    points = astronaut().points[list(indices), :2]
    (left, top), (right, bottom) = points.min(0).astype(int) - pad, points.max(0).astype(int) + pad
    grey = frame[top:bottom, left:right].mean(-1)
    dark = np.maximum(np.quantile(grey, 0.15) - grey, 0)
    y, x = np.indices(grey.shape)
    return np.asarray([(x * dark).sum(), (y * dark).sum()] / dark.sum(), np.float64)


def test_at_rest_the_picture_stays() -> None:
    assert np.array_equal(drawn(0, (0, 0)), astronaut().frame)


def test_brows_rise_and_the_eyes_stay_where_they_are() -> None:
    before, after = astronaut().frame, drawn(1, (0, 0))
    brow, eye = faces.LEFT_BROW_LOWER[:3], faces.LEFT_EYE_UPPER + faces.LEFT_EYE_LOWER
    assert 1 < (dark_place(before, brow, 3) - dark_place(after, brow, 3))[1] < 5
    assert np.abs(dark_place(before, eye, 0) - dark_place(after, eye, 0)).max() < 0.1


def test_irises_move_aside_between_lids_that_stay() -> None:
    eye = faces.LEFT_EYE_UPPER + faces.LEFT_EYE_LOWER
    left, right = (drawn(0, (side * 0.014, 0)) for side in (-1, 1))
    assert (dark_place(right, eye, 0) - dark_place(left, eye, 0))[0] > 2
    changed = np.argwhere(np.abs(right.astype(int) - astronaut().frame).max(-1) > 2)
    points = astronaut().points[list(eye + faces.RIGHT_EYE_UPPER + faces.RIGHT_EYE_LOWER), 1]
    assert points.min() - 3 < changed[:, 0].min() and changed[:, 0].max() < points.max() + 3
