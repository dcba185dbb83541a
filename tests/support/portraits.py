"""Frames with one face, its landmarks, and what the mesh measures in a drawn frame."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inference.draft.face.axes import FaceAxes, compute_face_axes
from inference.draft.face.light import Light, measure_light
from inference.media import faces
from inference.media.portrait import find_faces, find_landmarks
from tests.support.media import ASTRONAUT

WIDTH, HEIGHT = 896, 448


@dataclass(frozen=True)
class Portrait:
    """A frame RGB uint8 (448, 896, 3) and the face in it."""

    frame: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    points: NDArray[np.float32]

    @property
    def axes(self) -> FaceAxes:
        return compute_face_axes(self.points)

    @property
    def light(self) -> Light:
        return measure_light(self.frame, self.points, self.axes)


@cache
def astronaut() -> Portrait:
    """The smiling astronaut, her teeth showing, cropped as a video frame."""
    picture = np.asarray(Image.open(ASTRONAUT).convert("RGB"))
    large = cv2.resize(picture, (WIDTH, WIDTH), interpolation=cv2.INTER_CUBIC)
    return _portrait(np.ascontiguousarray(large[20 : 20 + HEIGHT], np.uint8))


@cache
def drawing() -> Portrait:
    """A plain drawn face with dots for eyes and a shut mouth, on a grid of straight lines."""
    large = Image.fromarray(grid(2 * WIDTH, 2 * HEIGHT, 32))
    pen = ImageDraw.Draw(large)
    pen.rounded_rectangle((600, 700, 1190, 1000), 120, "#2f5d62")
    pen.rectangle((830, 560, 960, 740), "#c98f6b")
    pen.ellipse((720, 250, 1070, 680), "#dca27c")
    pen.chord((712, 215, 1078, 560), 180, 360, "#3a2a22")
    for x in (820, 970):
        pen.ellipse((x - 18, 430, x + 18, 474), "#26201d")
        pen.line((x - 36, 405, x + 36, 405), "#3a2a22", 10)
    pen.line(((898, 455), (880, 530), (908, 530)), "#b3774d", 10)
    pen.arc((835, 545, 955, 605), 20, 160, "#7b2b28", 14)
    small = large.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return _portrait(np.asarray(small))


def grid(width: int, height: int, spacing: int) -> NDArray[np.uint8]:
    """A light picture with dark straight lines, uint8 (height, width, 3)."""
    picture = np.full((height, width, 3), 214, np.uint8)
    picture[::spacing] = picture[1::spacing] = 60
    picture[:, ::spacing] = picture[:, 1::spacing] = 60
    return picture


def mouth_seen_by_mesh(portrait: Portrait, frame: NDArray[np.uint8]) -> tuple[float, float]:
    """What the mesh sees of the mouth: gap of the inner lips and width, in face heights."""
    left, top = portrait.points[:, :2].min(0)
    right, bottom = portrait.points[:, :2].max(0)
    box = np.asarray([left, top, right, bottom], np.float32)
    points, _ = faces.FaceMesh().fit(frame, box, 0.0)
    gap = np.linalg.norm(points[13, :2] - points[14, :2])
    width = np.linalg.norm(points[61, :2] - points[291, :2])
    return float(gap / portrait.axes.height_px), float(width / portrait.axes.height_px)


def _portrait(frame: NDArray[np.uint8]) -> Portrait:
    found = find_faces(frame)[0].box
    box = found.left, found.top, found.right, found.bottom
    return Portrait(frame, box, find_landmarks(frame, box))
