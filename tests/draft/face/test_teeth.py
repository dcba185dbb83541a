"""What shows between the lips."""

import numpy as np

from inference.draft.face.light import Light, measure_light
from inference.draft.face.lips import Lips
from inference.draft.face.mouth import Mouth
from inference.draft.face.pose import Pose
from inference.draft.face.teeth import _LIP_LEAD, Interior, build_interior
from inference.draft.face.warp import Floats, Pixels
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


def test_lower_teeth_and_tongue_move_with_the_jaw_and_upper_teeth_do_not() -> None:
    interior, lips, light = shut_astronaut()
    here = np.asarray([0.06], np.float32)
    seam = lips.to_frame_positions(here, lips.sample(lips.seam, here))[0]

    def column(teeth_px: int) -> Floats:
        x, y = np.rint(seam).astype(int).tolist()
        jaw = np.asarray([0.0, teeth_px / (1 - _LIP_LEAD)], np.float32)
        return interior.render(jaw, x, y, 1, 30)[:, 0]

    half, wide = column(8), column(16)
    assert np.abs(half[:2] - wide[:2]).max() < 3
    assert np.abs(half[8:16] - wide[16:24]).max() < 1
    tongue, lower_tooth = wide[14], wide[24]
    assert tongue[0] > 1.4 * tongue[1] > 3 * light.cavity[1]
    assert lower_tooth[1] > 1.5 * tongue[1]


def test_nothing_blue_or_purple_is_taken_from_the_picture_s_mouth() -> None:
    portrait = astronaut()
    frame = portrait.frame.copy()
    x, y = np.rint(portrait.points[[13, 14], :2].mean(0)).astype(int)
    frame[y - 2 : y + 3, x - 3 : x + 4] = (60, 40, 160)
    lips = Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)
    inside = build_interior(frame, lips, portrait.light, AREA)
    seen = inside.render(np.zeros(2, np.float32), x - 3, y - 2, 7, 5)
    assert (seen[..., 2] < 1.2 * seen[..., 1]).all()


def test_the_photograph_s_own_teeth_are_used() -> None:
    portrait = astronaut()
    lips = Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)
    interior = build_interior(portrait.frame, lips, portrait.light, AREA)
    middle = np.asarray((lips.upper + lips.lower) / 2, np.float32)
    place = lips.to_frame_positions(lips.positions[40:89], middle[40:89])
    x, y = np.rint(place).astype(int).T
    assert np.abs(interior.skull[y, x] - portrait.frame[y, x]).mean() < 6
    assert interior.skull_cover[y, x].min() > 0.9


def build_open(frame: Pixels) -> tuple[Interior, Lips]:
    """The inside of the astronaut's mouth with these pixels, and her lips."""
    portrait = astronaut()
    lips = Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)
    return build_interior(frame, lips, portrait.light, AREA), lips


def test_a_row_of_teeth_ends_as_in_the_picture() -> None:
    """A short tooth leaves a step in the row's lower edge, and only there."""
    portrait = astronaut()
    frame = portrait.frame.copy()
    interior, lips = build_open(frame)
    here = np.asarray([0.2], np.float32)
    gap = lips.sample(lips.lower - lips.upper, here)
    end = lips.to_frame_positions(here, lips.sample(lips.lower - lips.inset, here) - 0.15 * gap)
    x, y = np.rint(end[0]).astype(int)
    frame[y : y + 5, x - 2 : x + 3] = 20
    shorter = (interior.skull_cover - build_open(frame)[0].skull_cover)[y - 6 : y + 6].sum(0)
    assert shorter[x] > 0.8
    assert np.abs(shorter[[x - 12, x + 12]]).max() < 0.4 * shorter[x]


def test_teeth_are_set_off_against_each_other() -> None:
    frame = astronaut().frame
    interior, lips = build_open(frame)
    row = lips.positions[32:97]
    middle = lips.to_frame_positions(row, np.asarray((lips.upper + lips.lower)[32:97] / 2))
    x, y = np.rint(middle).astype(int).T
    own, drawn = (part[y, x].mean(-1).astype(float) for part in (frame, interior.skull))
    assert 1.1 < np.abs(np.diff(drawn)).mean() / np.abs(np.diff(own)).mean() < 1.8


def test_lower_teeth_have_the_colour_of_the_picture_s_upper_ones() -> None:
    def tint(frame: Pixels) -> float:
        interior, lips = build_open(frame)
        x, y = np.rint(lips.to_frame_positions(*np.zeros((2, 1), np.float32))[0]).astype(int)
        jaw = interior.jaw[y + round(0.09 * lips.height_px), x]
        return float(jaw[2] / jaw[0])

    frame = astronaut().frame
    yellow = (frame * np.asarray([1, 1, 0.8])).astype(np.uint8)
    assert tint(yellow) < 0.87 * tint(frame)
