"""Pictures are turned until a face stands upright, and a mouth behind something is noticed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.core.plan import make_plan
from inference.core.request import Request
from inference.media import faces, portrait
from inference.media.image import render_crop
from inference.media.picture import clean_picture
from tests.support.media import ASTRONAUT, DRAWN_ONE, DRAWN_PAIR
from tests.support.sessions import recording

Pixels = NDArray[np.uint8]


def pixels(name: Path = ASTRONAUT) -> Pixels:
    return np.asarray(Image.open(name).convert("RGB"))


def rolled(degrees: float, picture: Pixels | None = None) -> Pixels:
    """The picture turned clockwise on a canvas that holds all of it."""
    given = pixels() if picture is None else picture
    height, width = given.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    turned = cv2.warpAffine(given, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


@pytest.mark.parametrize("lying", [90, 180, 270])
def test_a_portrait_on_its_side_or_upside_down_is_turned_upright(lying: int) -> None:
    given = np.ascontiguousarray(np.rot90(pixels(), -lying // 90))
    found = portrait.find_portrait(given)
    assert found.turned == 360 - lying
    assert np.array_equal(found.pixels, pixels())
    assert [face.box for face in found.faces] == [
        face.box for face in portrait.find_faces(pixels())
    ]


@pytest.mark.parametrize("degrees", [-40, 20, 40])
def test_a_tilted_head_is_left_as_it_is(degrees: int) -> None:
    found = portrait.find_portrait(rolled(degrees))
    assert (found.turned, len(found.faces)) == (0, 1)
    assert np.degrees(found.faces[0].roll_rad or 0) == pytest.approx(degrees + 3, abs=8)


def test_one_who_lies_beside_one_who_stands_turns_nothing() -> None:
    lying = np.rot90(pixels()[:340, 60:400])
    beside = np.hstack([pixels()[:340, 60:400], lying])
    found = portrait.find_portrait(np.ascontiguousarray(beside))
    assert found.turned == 0 and found.faces[0].box.right < 340


def test_what_shows_no_face_stays_and_a_turn_that_was_asked_for_is_made() -> None:
    plain = np.zeros((60, 90, 3), np.uint8)
    plain[:, :30] = 255
    assert portrait.find_portrait(plain).turned == 0
    asked = portrait.find_portrait(plain, 90)
    assert asked.turned == 90 and np.array_equal(asked.pixels, np.rot90(plain, -1))
    lying = np.ascontiguousarray(np.rot90(pixels()))
    assert portrait.find_portrait(lying, 0).turned == 0


def test_the_clean_copy_and_its_measures_are_turned(tmp_path: Path) -> None:
    Image.fromarray(np.rot90(pixels()[:, :400])).save(tmp_path / "wide.png")
    picture = clean_picture(tmp_path / "wide.png", tmp_path / "clean.png")
    assert (picture.width, picture.height, picture.turned) == (400, 512, 90)
    with Image.open(tmp_path / "clean.png") as clean:
        assert np.array_equal(np.asarray(clean), pixels()[:, :400])
    (face,) = picture.faces
    assert (face.box.left, face.box.top) == pytest.approx((174, 70), abs=6)


@pytest.mark.parametrize(
    ("degrees", "turn"), [(-150, None), (-95, None), (75, None), (120, None), (90, 0), (180, 90)]
)
def test_a_face_that_is_found_is_found_again_in_the_frame(
    degrees: int, turn: int | None, tmp_path: Path
) -> None:
    """What a plan finds, a draft draws: the roll is handed on, and nothing is refused later."""
    Image.fromarray(rolled(degrees, pixels()[20:320, 80:380])).save(tmp_path / "given.png")
    picture = clean_picture(tmp_path / "given.png", tmp_path / "clean.png", turn)
    assert len(picture.faces) == 1
    plan = make_plan(Request(picture, (recording(),)), 120)
    frame = render_crop(tmp_path / "clean.png", plan.picture, plan.crop, plan.width, plan.height)
    (speaker,) = plan.speakers
    points = portrait.find_landmarks(frame, speaker.box, speaker.roll_rad)
    left, top, right, bottom = speaker.box
    away = np.abs(points[faces.NOSE_TIP, :2] - [(left + right) / 2, (top + bottom) / 2])
    assert away.max() < 0.3 * (right - left)


# Colours and outlines, in face widths from the middle of the mouth, of what hides it.
MASK = np.array([(-0.5, -0.2), (0, -0.3), (0.5, -0.2), (0.4, 0.25), (0, 0.42), (-0.4, 0.25)])
ROUND = np.array([(np.cos(turn), np.sin(turn)) for turn in np.linspace(0, 2 * np.pi, 32)])
HIDING = {
    "blue mask": (MASK, (173, 216, 230)),
    "white mask": (MASK, (240, 240, 240)),
    "black mask": (MASK, (25, 25, 28)),
    "mask like skin": (MASK, (226, 180, 150)),
    "microphone": (ROUND * 0.24 + [0, 0.06], (60, 60, 64)),
    "back of a hand": (ROUND * [0.4, 0.24] + [0, 0.04], (226, 180, 150)),
}


def hide(picture: Pixels, outline: NDArray[np.float64], colour: tuple[int, int, int]) -> Pixels:
    """The picture with something flat in front of its only face's mouth."""
    (face,) = portrait.find_faces(picture)
    box = face.box.left, face.box.top, face.box.right, face.box.bottom
    points = portrait.find_landmarks(picture, box, face.roll_rad)[:, :2]
    width = np.linalg.norm(points[faces.RIGHT_EAR] - points[faces.LEFT_EAR])
    roll = face.roll_rad or 0.0
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    corners = outline @ turn.T * width + (points[13] + points[14]) / 2
    return np.asarray(
        cv2.fillPoly(picture.copy(), [np.rint(corners).astype(np.int32)], colour, cv2.LINE_AA),
        np.uint8,
    )


@pytest.mark.parametrize(
    ("what", "degrees"), [*((what, 0) for what in HIDING), ("blue mask", 15), ("microphone", -20)]
)
def test_a_hidden_mouth_is_noticed(what: str, degrees: int) -> None:
    (face,) = portrait.find_faces(hide(rolled(degrees), *HIDING[what]))
    assert face.mouth_hidden


LOOKS: dict[str, Callable[[Pixels], NDArray[Any]]] = {
    "as it is": lambda picture: picture,
    "dark": lambda picture: picture // 3,
    "pale": lambda picture: picture // 3 + 110,
    "grey": lambda picture: np.repeat(picture.mean(-1, keepdims=True).astype(np.uint8), 3, -1),
    "blue": lambda picture: (picture * [0.6, 0.8, 1]).astype(np.uint8),
    "red": lambda picture: (picture * [1, 0.6, 0.5]).astype(np.uint8),
    "blurred": lambda picture: cv2.GaussianBlur(picture, (0, 0), 2),
    "small": lambda picture: cv2.resize(picture, None, fx=0.3, fy=0.3),
    "tilted": lambda picture: rolled(30, picture),
    "mirrored": lambda picture: picture[:, ::-1],
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_mouth_that_is_seen_is_none(look: str) -> None:
    (face,) = portrait.find_faces(np.ascontiguousarray(LOOKS[look](pixels()), np.uint8))
    assert not face.mouth_hidden


def test_drawn_mouths_are_seen() -> None:
    found = [face for name in (DRAWN_ONE, DRAWN_PAIR) for face in portrait.find_faces(pixels(name))]
    assert [face.mouth_hidden for face in found] == [False] * 3
