"""Mouth and eyes of a drawn face."""

import numpy as np
from numpy.typing import NDArray

from inference.draft.face.drawn import DrawnMouth
from inference.draft.face.pose import Pose
from tests.support.portraits import drawing

WIDE = Pose(1.0)


def drawn(pose: Pose) -> NDArray[np.uint8]:
    portrait = drawing()
    frame = portrait.frame.copy()
    mouth = DrawnMouth(frame, portrait.points, portrait.axes, portrait.light)
    assert mouth.is_found
    mouth.draw(frame, pose)
    return frame


def differs(frame: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels of the mouth: what is not skin between nose and chin."""
    portrait = drawing()
    x, y = np.rint(portrait.points[13, :2]).astype(int)
    part = frame[y - 14 : y + 25, x - 40 : x + 40].astype(float)
    return np.asarray(np.abs(part - portrait.light.skin).max(-1) > 25)


def test_both_sides_of_the_mouth_are_alike_in_every_pose() -> None:
    for pose in (Pose(0), Pose(0.4), WIDE, Pose(0.5, rounding=1), Pose(0, closure=1)):
        columns = differs(drawn(pose)).sum(0)
        inside = np.trim_zeros(columns)
        assert np.abs(inside - inside[::-1]).max() <= 1, pose


def test_an_open_mouth_has_teeth_above_a_dark_and_a_tongue() -> None:
    frame, portrait = drawn(WIDE), drawing()
    x = round(float(portrait.points[13, 0]))
    rows = np.flatnonzero(differs(frame).any(1)) + round(float(portrait.points[13, 1])) - 14
    column = frame[rows[0] : rows[-1] + 1, x].astype(float)
    light = column.mean(-1)
    teeth, dark = int(light.argmax()), int(light.argmin())
    assert light[teeth] > portrait.light.skin.mean() and light[dark] < 0.3 * light[teeth]
    below = column[dark:, 0]
    tongue = int(below[:-4].argmax())
    assert teeth < dark and below[tongue] > below[0] + 40
    assert below[tongue:].min() < below[tongue] - 15  # and a lip below it


def test_the_outline_stays_while_the_mouth_moves() -> None:
    wide, shut = drawn(WIDE), drawn(Pose(0))
    changed = np.abs(wide.astype(int) - shut).max(-1) > 0
    rows, columns = np.nonzero(changed)
    points, size = drawing().points, drawing().axes.size_px
    assert rows.max() < points[152, 1] - 0.03 * size
    assert columns.min() > points[:, 0].min() + 0.1 * size
    assert columns.max() < points[:, 0].max() - 0.1 * size


def test_the_dark_between_teeth_and_tongue_shows_as_soon_as_they_do() -> None:
    x = round(float(drawing().points[13, 0]))
    y = round(float(drawing().points[13, 1]))
    for opening in (0.3, 0.5, 0.8):
        column = drawn(Pose(opening))[y - 14 : y + 25, x].astype(float).mean(-1)
        teeth = int(column.argmax())
        shown = np.flatnonzero(differs(drawn(Pose(opening)))[:, 40])
        below = column[teeth : shown[-1] + 1]
        assert (below < 0.35 * column[teeth]).mean() > 0.5, opening
