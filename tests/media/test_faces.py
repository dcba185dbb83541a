"""Faces are found where they are, left to right, and their landmarks lie on them."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.core.errors import InputCode, InputError
from inference.media import faces, portrait
from tests.support.media import ASTRONAUT, DRAWN_PAIR
from tests.support.portraits import astronaut, drawing


def picture() -> NDArray[np.uint8]:
    return np.asarray(Image.open(ASTRONAUT).convert("RGB"))


def test_one_face_with_its_box() -> None:
    (face,) = portrait.find_faces(picture())
    assert face.score > 0.8
    assert (face.box.left, face.box.top) == pytest.approx((174, 70), abs=6)
    assert (face.box.right, face.box.bottom) == pytest.approx((279, 175), abs=6)


def test_faces_come_left_to_right() -> None:
    both = np.hstack([picture()[:300, 50:400], picture()[:300, 50:400][:, ::-1]])
    left, right = portrait.find_faces(both)
    assert left.box.right < 350 < right.box.left
    assert len(portrait.find_faces(np.asarray(Image.open(DRAWN_PAIR).convert("RGB")))) == 2


def test_a_small_face_and_a_drawn_face_are_found() -> None:
    small = cv2.resize(picture(), (85, 85), interpolation=cv2.INTER_AREA)
    assert len(portrait.find_faces(np.asarray(small, np.uint8))) == 1
    assert drawing().light.is_drawing


@pytest.mark.parametrize("width, height", [(900, 300), (64, 64), (1, 1)])
def test_no_face_in_a_plain_picture(width: int, height: int) -> None:
    assert portrait.find_faces(np.full((height, width, 3), 128, np.uint8)) == ()


def test_landmarks_lie_on_the_face() -> None:
    points = portrait.find_landmarks(picture(), (174, 70, 279, 175))
    assert points.shape == (468, 3) and points.dtype == np.float32
    left_eye, right_eye = points[faces.LEFT_EYE_OUTER], points[faces.RIGHT_EYE_OUTER]
    assert left_eye[0] < points[faces.NOSE_TIP, 0] < right_eye[0]
    assert left_eye[1] < points[faces.NOSE_TIP, 1] < points[13, 1] < points[faces.CHIN, 1]
    assert points[faces.NOSE_TIP, 2] < points[faces.LEFT_CHEEK, 2]  # nearer to the camera


@pytest.mark.parametrize("angle_deg", [-35, 25])
def test_the_roll_is_found(angle_deg: float) -> None:
    turn = cv2.getRotationMatrix2D((226, 122), angle_deg, 1)
    turned = cv2.warpAffine(picture(), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    points = portrait.find_landmarks(np.asarray(turned, np.uint8), (174, 70, 279, 175))
    across = points[faces.RIGHT_EYE_OUTER] - points[faces.LEFT_EYE_OUTER]
    level_deg = np.degrees(np.arctan2(across[1], across[0]))
    assert level_deg == pytest.approx(3 - angle_deg, abs=6)


def test_landmarks_do_not_need_an_exact_box() -> None:
    known = astronaut()
    left, top, right, bottom = known.box
    moved = portrait.find_landmarks(known.frame, (left + 20, top - 15, right + 20, bottom - 15))
    assert np.abs(moved - known.points)[:, :2].max() < 4


@pytest.mark.parametrize("box", [(100, 100, 220, 220), (-500, -500, -300, -300)])
def test_no_face_in_the_box_is_said(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="A draft needs one") as caught:
        portrait.find_landmarks(np.full((448, 896, 3), 128, np.uint8), box)
    assert caught.value.code is InputCode.NO_FACE
