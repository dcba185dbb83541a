"""The head moves, the background stays."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.draft.face.head import Head, find_head_outline
from tests.support.portraits import HEIGHT, WIDTH, Portrait, astronaut, drawing, grid

NOD = np.asarray([2.0, 3.0, 0.012, 0.04, 0.05], np.float32)  # about the largest there is


def moved(portrait: Portrait, motion: NDArray[np.float32]) -> NDArray[np.uint8]:
    frame = portrait.frame.copy()
    Head(frame, portrait.points, portrait.axes).move(frame, motion)
    return frame


def behind(portrait: Portrait, distance: float) -> NDArray[np.bool_]:
    """The drawing's background further than `distance` face heights from the person."""
    plain = Image.fromarray(grid(2 * WIDTH, 2 * HEIGHT, 32))
    background = np.asarray(plain.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))
    person = (np.abs(portrait.frame.astype(int) - background).max(-1) > 2).astype(np.uint8)
    away = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5)
    return np.asarray(away > distance * portrait.axes.size_px)


def test_no_motion_changes_nothing() -> None:
    portrait = astronaut()
    assert np.array_equal(moved(portrait, np.zeros(5, np.float32)), portrait.frame)


def test_the_face_moves_as_told() -> None:
    portrait = astronaut()
    frame = moved(portrait, np.asarray([3, 2, 0, 0, 0], np.float32))
    x, y = np.rint(portrait.points[5, :2]).astype(int)
    here = frame[y - 9 : y + 10, x - 9 : x + 10].astype(int)
    there = portrait.frame[y - 11 : y + 8, x - 12 : x + 7].astype(int)
    assert np.abs(here - there).mean() < 2


def test_lines_behind_the_head_stay() -> None:
    portrait = drawing()
    frame = moved(portrait, NOD)
    still = behind(portrait, 0.2)
    assert still.mean() > 0.3
    assert np.array_equal(frame[still], portrait.frame[still])
    assert np.abs(frame.astype(int) - portrait.frame).max() > 50


def test_the_body_stays() -> None:
    portrait = astronaut()
    bottom = int(portrait.points[152, 1] + 0.6 * portrait.axes.size_px)
    assert np.array_equal(moved(portrait, NOD)[bottom:], portrait.frame[bottom:])


def test_the_outline_holds_face_and_hair_but_not_the_background() -> None:
    portrait = drawing()
    outline = (
        find_head_outline(portrait.frame, portrait.points, portrait.axes, (0, 0, 896, 448)) > 0
    )
    hair, face, aside = outline[130, 448], outline[250, 448], outline[200, 640:]
    assert hair and face and not aside.any()
