"""Blinks."""

import numpy as np
from numpy.typing import NDArray

from inference.draft.face.eyes import Eyes
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


def test_only_the_eyes_change() -> None:
    for portrait in (astronaut(), drawing()):
        changed = np.abs(blinked(portrait, 1.0).astype(int) - portrait.frame).max(-1) > 2
        rows = np.flatnonzero(changed.any(1))
        nose = portrait.points[faces.NOSE_TIP, 1]
        brow = portrait.points[list(faces.LEFT_BROW_UPPER), 1].min()
        assert brow - 2 < rows[0] and rows[-1] < nose
