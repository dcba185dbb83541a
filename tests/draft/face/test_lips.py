"""Lip edges and mouth coordinates."""

import numpy as np
import pytest

from inference.draft.face.lips import Lips
from inference.draft.face.mouth import Mouth
from inference.draft.face.pose import Pose
from inference.media.portrait import find_landmarks
from tests.support.portraits import Portrait, astronaut, drawing


def lips_of(portrait: Portrait) -> Lips:
    return Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)


@pytest.mark.parametrize("middle_share", [-0.24, 0.0, 0.2])
def test_coordinates_and_back(middle_share: float) -> None:
    lips = lips_of(astronaut())
    lips.middle_px = middle_share * lips.half_px  # as of a turned head
    across, down = np.meshgrid(
        np.linspace(-1.8, 1.8, 13, dtype=np.float32), np.linspace(-30, 40, 5, dtype=np.float32)
    )
    place = lips.to_frame_positions(across, down)
    again_across, again_down = lips.to_mouth_coordinates(place[..., 0], place[..., 1])
    assert np.allclose(again_across, across, atol=1e-3)
    assert np.allclose(again_down, down, atol=1e-2)


def test_edges_are_in_order() -> None:
    for portrait in (astronaut(), drawing()):
        lips = lips_of(portrait)
        assert (lips.outer_upper <= lips.upper).all()
        assert (lips.upper <= lips.lower).all()
        assert (lips.lower <= lips.outer_lower).all()


def test_teeth_lie_between_the_edges_and_not_beyond() -> None:
    portrait, lips = astronaut(), lips_of(astronaut())
    assert lips.is_open
    middle = lips.positions[40:89]
    redness = []
    for down in (lips.upper - 2.5, (lips.upper + lips.lower) / 2, lips.lower + 2.5):
        x, y = (
            np.rint(lips.to_frame_positions(middle, down[40:89].astype(np.float32))).astype(int).T
        )
        colours = portrait.frame[y, x].astype(float)
        redness.append(np.median(colours[:, 0] - colours[:, 1]))
    assert redness[1] < 0.7 * min(redness[0], redness[2])


def test_a_shut_mouth_is_one_line() -> None:
    portrait = astronaut()
    frame = portrait.frame.copy()
    Mouth(frame, portrait.points, portrait.axes, portrait.light).draw(frame, Pose(0))
    points = find_landmarks(frame, portrait.box)
    shut = Lips(frame, points, portrait.axes, portrait.light)
    assert not shut.is_open
    assert np.array_equal(shut.upper, shut.lower)
    assert shut.gap_px == 0
