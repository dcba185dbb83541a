"""Framing: the faces that speak, and the crop that keeps every face with padding around it.

Boxes are whole pixels of the upright source picture; the crop has the shape's exact ratio.
"""

import math
from dataclasses import dataclass, replace

from inference.core.errors import InputCode, InputError
from inference.core.inputs import FRAME_SIZES, Box, CropChoice, Face, FrameSize, Picture, Shape
from presets.buckets import BUCKETS, select_bucket


@dataclass(frozen=True)
class Padding:
    """Space kept around a face: fractions of its height (above, below) and its width (side)."""

    above: float
    below: float
    side: float


IDEAL_PADDING = Padding(0.45, 0.35, 0.2)
TIGHT_PADDING = Padding(0.30, 0.12, 0.1)
EXTENDED_PADDING = Padding(0.45, 0.12, 0.1)  # with hair: an extended crop need not cut it
NOTABLE_FACE_RATIO = 0.5  # a silent face at least this tall, to the smallest speaker's, is kept


_SIZE_CLASS = "480"  # of the buckets that are on offer
MAX_FRAME_PIXELS = max(
    *(frame.pixels for frame in FRAME_SIZES.values()),
    *(height * width for height, width in BUCKETS[_SIZE_CLASS].values()),
)


@dataclass(frozen=True)
class PictureSize:
    """Size of the upright source picture, in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class Crop:
    """Visible part of the upright source picture, in its pixels, at the exact ratio.

    `extended` when it reaches past the picture, which is then continued softly.
    """

    left: int
    top: int
    width: int
    height: int
    extended: bool


def measure_frame(shape: Shape, picture: Picture) -> FrameSize:
    """Return the size of the finished frame; of the picture's own shape, by the model's table."""
    if shape is Shape.PICTURE:
        height, width = select_bucket(_SIZE_CLASS, picture.height, picture.width)
        return FrameSize(width, height)
    return FRAME_SIZES[shape]


def choose_speakers(
    faces: tuple[Face, ...], count: int, chosen: tuple[Box, ...] = ()
) -> tuple[Face, ...]:
    """Return the faces that speak, left to right: those at `chosen`, else the `count` largest.

    Empty without a face. Raises InputError when there are fewer faces than `count`.
    """
    if chosen:
        return tuple(_choose_face(faces, box) for box in chosen)
    if not faces:
        return ()
    if count > len(faces):
        raise InputError(
            InputCode.TOO_FEW_FACES,
            f"{count} recordings were given, but only {len(faces)} face was found. "
            "Give one recording, or a picture in which both faces can be seen.",
        )
    largest = sorted(faces, key=lambda face: face.box.width * face.box.height, reverse=True)
    return tuple(sorted(largest[:count], key=lambda face: face.box.left + face.box.right))


def _choose_face(faces: tuple[Face, ...], box: Box) -> Face:
    """Return the face in a chosen box: as it was found there, if it was."""
    inside = [
        face
        for face in faces
        if box.left < face.box.middle_x < box.right and box.top < face.box.middle_y < box.bottom
    ]
    found = min(inside, key=lambda face: abs(face.box.middle_x - box.middle_x), default=None)
    return replace(found, box=box) if found else Face(box, score=1.0)


def select_faces_to_keep(faces: tuple[Face, ...], speaking: tuple[Face, ...]) -> tuple[Face, ...]:
    """Return the speakers and all faces about as near to the camera, so that no head is cut."""
    if not speaking:
        return ()
    least = NOTABLE_FACE_RATIO * min(face.box.height for face in speaking)
    boxes = [face.box for face in speaking]
    near = (face for face in faces if face.box.height >= least and face.box not in boxes)
    return *speaking, *near


def fit_crop(
    picture: Picture, faces: tuple[Face, ...], shape: Shape, choice: CropChoice | None = None
) -> Crop:
    """Return the crop that covers the shape and keeps every face with its padding.

    A `choice` takes its place. Raises InputError when that does not show the picture.
    """
    frame = measure_frame(shape, picture)
    ratio = math.gcd(frame.width, frame.height)
    across, down = frame.width // ratio, frame.height // ratio
    if choice is not None:
        return _resolve_choice(picture, choice, across, down)
    cover = min(picture.width // across, picture.height // down)
    unit = max(cover, 1)
    union = _compute_union(picture, faces, IDEAL_PADDING)
    if not _fits(union, unit * across, unit * down):
        union = _compute_union(picture, faces, TIGHT_PADDING)
    if not _fits(union, unit * across, unit * down):
        union = _compute_union(picture, faces, EXTENDED_PADDING)
        unit = max(math.ceil(union.width / across), math.ceil(union.height / down))
    width, height = unit * across, unit * down
    left = _place_interval(picture.width, width, union.left, union.right)
    top = _place_interval(picture.height, height, union.top, union.bottom)
    return Crop(left, top, width, height, _exceeds_picture(picture, left, top, width, height))


def _resolve_choice(picture: Picture, choice: CropChoice, across: int, down: int) -> Crop:
    unit = round(choice.width / across)
    width, height = unit * across, unit * down
    left, top = choice.left, choice.top
    outside = (
        left >= picture.width or top >= picture.height or left + width <= 0 or top + height <= 0
    )
    largest = 4 * max(picture.width, picture.height)
    if unit < 1 or width > largest or height > largest or outside:
        raise InputError(
            InputCode.BAD_OPTION,
            f"The crop {left},{top},{choice.width} does not show the picture, which is "
            f"{picture.width}x{picture.height}. Give left, top and width in its pixels.",
        )
    return Crop(left, top, width, height, _exceeds_picture(picture, left, top, width, height))


def _exceeds_picture(picture: Picture, left: int, top: int, width: int, height: int) -> bool:
    return left < 0 or top < 0 or left + width > picture.width or top + height > picture.height


def _compute_union(picture: Picture, faces: tuple[Face, ...], padding: Padding) -> Box:
    """Return the whole-pixel box around all faces with their padding, clipped to the picture.

    Without faces: its middle point, which any crop holds.
    """
    if not faces:
        middle_x, middle_y = picture.width // 2, picture.height // 2
        return Box(middle_x, middle_y, middle_x, middle_y)
    boxes = [face.box for face in faces]
    return Box(
        max(0, math.floor(min(b.left - padding.side * b.width for b in boxes))),
        max(0, math.floor(min(b.top - padding.above * b.height for b in boxes))),
        min(picture.width, math.ceil(max(b.right + padding.side * b.width for b in boxes))),
        min(picture.height, math.ceil(max(b.bottom + padding.below * b.height for b in boxes))),
    )


def _fits(union: Box, width: int, height: int) -> bool:
    return union.width <= width and union.height <= height


def _place_interval(extent: int, length: int, low: float, high: float) -> int:
    """Return the most central start of an interval of `length` in `extent` that holds low..high."""
    centred = (extent - length) // 2
    return int(min(max(centred, high - length), low)) if length <= extent else centred


def map_box_to_frame(box: Box, crop: Crop, frame: FrameSize) -> tuple[int, int, int, int]:
    """Return `box` in pixels of the finished frame, clipped to it: left, top, right, bottom."""
    scale = frame.width / crop.width
    across = [round((x - crop.left) * scale) for x in (box.left, box.right)]
    down = [round((y - crop.top) * scale) for y in (box.top, box.bottom)]
    left, right = (min(max(x, 0), frame.width) for x in across)
    top, bottom = (min(max(y, 0), frame.height) for y in down)
    return left, top, right, bottom


def compute_shown_share(box: Box, crop: Crop, picture: Picture) -> float:
    """Return how much of a box, as far as it lies in the picture, is in the crop: 0 to 1."""
    right, bottom = min(box.right, picture.width), min(box.bottom, picture.height)
    seen = Box(max(box.left, 0), max(box.top, 0), right, bottom)
    across = min(seen.right, crop.left + crop.width) - max(seen.left, crop.left)
    down = min(seen.bottom, crop.top + crop.height) - max(seen.top, crop.top)
    area = max(seen.width, 0) * max(seen.height, 0)
    return max(across, 0) * max(down, 0) / area if area else 0.0
