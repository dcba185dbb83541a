"""What shows between the lips."""

import numpy as np

from inference.draft.face.light import Light, measure_light
from inference.draft.face.lips import Lips
from inference.draft.face.mouth import Mouth
from inference.draft.face.pose import Pose
from inference.draft.face.teeth import Interior, build_interior
from inference.draft.face.warp import Floats
from inference.media.portrait import find_landmarks
from tests.support.portraits import astronaut

AREA = (0, 0, 896, 448)


def shut_astronaut() -> tuple[Interior, Lips, Light]:
    """The inside of the astronaut's mouth as if her photograph had it shut."""
    portrait = astronaut()
    frame = portrait.frame.copy()
    Mouth(frame, portrait.points, portrait.axes, portrait.light).draw(frame, Pose(0))
    points = find_landmarks(frame, portrait.box)
    light = measure_light(frame, points, portrait.axes)
    lips = Lips(frame, points, portrait.axes, light)
    return build_interior(frame, lips, light, AREA), lips, light


def look(interior: Interior, lips: Lips, across: float, down_px: float) -> Floats:
    """Colour of the inside there, the jaw as far down as at a wide opening."""
    here = np.asarray([across], np.float32)
    place = lips.to_frame_positions(here, lips.sample(lips.upper, here) + np.float32(down_px))
    x, y = np.rint(place[0]).astype(int).tolist()
    jaw = np.asarray([0.0, 20.0], np.float32)
    return np.asarray(interior.render(jaw, x, y, 1, 1)[0, 0], np.float32)


def test_a_shut_mouth_gets_an_upper_row_that_peeks_out() -> None:
    interior, lips, light = shut_astronaut()
    tooth = look(interior, lips, 0.08, 1)
    assert 0.6 * light.skin.mean() < tooth.mean() < 1.15 * light.skin.mean()
    assert tooth[0] - tooth[1] < 0.5 * (light.skin[0] - light.skin[1]) + 12  # no skin: less red
    below = look(interior, lips, 0.08, 0.05 * lips.height_px)
    assert below.mean() < 0.4 * tooth.mean()


def test_teeth_fall_into_shadow_towards_the_corners() -> None:
    interior, lips, _ = shut_astronaut()
    tones = [look(interior, lips, across, 0).mean() for across in (0.1, 0.45, 0.9)]
    assert tones[0] > 1.1 * tones[1] > 1.5 * tones[2]


def test_the_photograph_s_own_teeth_are_used() -> None:
    portrait = astronaut()
    lips = Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)
    interior = build_interior(portrait.frame, lips, portrait.light, AREA)
    middle = np.asarray((lips.upper + lips.lower) / 2, np.float32)
    place = lips.to_frame_positions(lips.positions[40:89], middle[40:89])
    x, y = np.rint(place).astype(int).T
    assert np.abs(interior.skull[y, x] - portrait.frame[y, x]).mean() < 6
    assert interior.skull_cover[y, x].min() > 0.9
