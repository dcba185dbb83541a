"""Blinks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.draft.face.eyes import Eyes
from inference.draft.face.warp import Floats
from inference.media import faces
from tests.support.portraits import Portrait, astronaut, drawing


def blinked(portrait: Portrait, shut: float) -> NDArray[np.uint8]:
    frame = portrait.frame.copy()
    Eyes(frame, portrait.points, portrait.axes, portrait.light).draw(frame, shut)
    return frame


def eye(portrait: Portrait, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels around the middle of the left eye."""
    middle = portrait.points[list(faces.LEFT_EYE_UPPER + faces.LEFT_EYE_LOWER), :2].mean(0)
    x, y = np.rint(middle).astype(int)
    return frame[y - 4 : y + 5, x - 5 : x + 6]


def test_open_eyes_are_the_picture_s() -> None:
    for portrait in (astronaut(), drawing()):
        assert np.array_equal(blinked(portrait, 0.0), portrait.frame)


def test_shut_eyes_hide_the_pupil() -> None:
    for portrait in (astronaut(), drawing()):
        dark = portrait.light.skin.mean() * 0.5
        before = (eye(portrait, portrait.frame).mean(-1) < dark).sum()
        after = (eye(portrait, blinked(portrait, 1.0)).mean(-1) < dark).sum()
        assert before > 20
        assert after < 0.45 * before  # what is left is the line of the lashes


def test_both_eyes_of_a_drawing_blink_when_hair_hangs_into_one() -> None:
    portrait = drawing()
    frame = portrait.frame.copy()
    x, y = np.rint(portrait.points[list(faces.LEFT_EYE_UPPER), :2].mean(0)).astype(int)
    frame[: y + 1, x - 8 : x - 4] = (58, 42, 34)
    strand = Portrait(frame, portrait.box, portrait.points)
    changed = np.abs(blinked(strand, 1.0).astype(int) - frame).max(-1) > 40
    middle = round(float(portrait.points[faces.NOSE_TIP, 0]))
    assert changed[:, :middle].sum() > 20 and changed[:, middle:].sum() > 20


def test_a_lid_has_the_skin_s_colour() -> None:
    portrait = astronaut()
    lid = np.median(eye(portrait, blinked(portrait, 1.0))[:5].reshape(-1, 3), axis=0)
    assert np.abs(lid - portrait.light.skin).max() < 60


_LEFT_EYE = list(faces.LEFT_EYE_UPPER + faces.LEFT_EYE_LOWER)


def with_left_eye(colour: tuple[int, int, int], points: Floats) -> Portrait:
    """The astronaut, her left eye painted over, with other landmarks."""
    portrait = astronaut()
    outline = portrait.points[list(faces.LEFT_EYE_UPPER + faces.LEFT_EYE_LOWER[::-1]), :2]
    frame = cv2.fillPoly(portrait.frame.copy(), [np.rint(outline).astype(np.int32)], colour)
    return Portrait(np.asarray(frame, np.uint8), portrait.box, points)


def test_shut_lids_cover_an_eye_that_lies_lower_than_its_landmarks() -> None:
    points = astronaut().points.copy()
    points[_LEFT_EYE, 1] -= 0.009 * astronaut().axes.size_px
    portrait = with_left_eye((0, 255, 0), points)
    assert green(blinked(portrait, 1.0)) < 0.03 * green(portrait.frame)


def green(frame: NDArray[np.uint8]) -> int:
    return int((frame[..., 1].astype(int) > frame[..., 0].astype(int) + 15).sum())


def test_lashes_of_a_shut_eye_have_no_colour_of_the_iris() -> None:
    portrait = with_left_eye((0, 70, 180), astronaut().points)
    x, y = np.rint(portrait.points[_LEFT_EYE, :2].mean(0)).astype(int)
    shut = blinked(portrait, 1.0)[y - 6 : y + 10, x - 8 : x + 9].astype(int)
    assert (shut.mean(-1) < 120).sum() > 20
    assert (shut[..., 0] > shut[..., 2]).all()


def test_no_lid_is_drawn_where_an_eye_turned_aside_hides() -> None:
    points = astronaut().points.copy()
    inner = points[faces.LEFT_EYE_UPPER[-1], 0]
    points[_LEFT_EYE, 0] = inner + 0.7 * (points[_LEFT_EYE, 0] - inner)
    points[_LEFT_EYE, 2] += points[_LEFT_EYE, 0] - inner
    skin = (226, 189, 164)
    for portrait, hides in (
        (Portrait(astronaut().frame, astronaut().box, points), False),
        (with_left_eye(skin, points), True),
        (with_left_eye(skin, astronaut().points), False),
    ):
        x, y = np.rint(portrait.points[_LEFT_EYE, :2].mean(0)).astype(int)
        part = np.s_[y - 4 : y + 5, x - 5 : x + 6]
        same = np.array_equal(blinked(portrait, 1.0)[part], portrait.frame[part])
        assert same == hides


def test_only_the_eyes_change() -> None:
    for portrait in (astronaut(), drawing()):
        changed = np.abs(blinked(portrait, 1.0).astype(int) - portrait.frame).max(-1) > 2
        rows = np.flatnonzero(changed.any(1))
        nose = portrait.points[faces.NOSE_TIP, 1]
        brow = portrait.points[list(faces.LEFT_BROW_UPPER), 1].min()
        assert brow - 2 < rows[0] and rows[-1] < nose
