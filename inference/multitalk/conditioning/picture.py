"""The picture as the model sees it: scaled to cover the frame, and who speaks where in it.

Speakers are boxes (left, top, right, bottom) in pixels of the source; which latents and tokens
they cover is worked out from positions alone, so no mask is ever as large as the picture.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Box = tuple[float, float, float, float]

LATENT_PX = 8  # pixels of the frame that a latent is wide and high
TOKEN_LATENTS = 2  # ... and latents that a token is
_MARGIN = 0.05  # kept free around each half of the picture, where nothing better is known
# A person, by their face's box: from the hair's top, parts of its height above it, to the frame's
# bottom, and so many of its widths wide, the most that leave enough for neither.
_HAIR_RATIO = 0.7
_PERSON_WIDTHS = (3.0, 2.5, 2.0, 1.5, 1.0)
_MIN_BACKGROUND = 0.05  # of the tokens
_MIN_DISTANCE = (
    0.5  # of the mean face's width between two faces' middles; nearer, one is above the other
)


def scale_to_cover(image: Image.Image, width: int, height: int) -> Tensor:
    """An RGB image scaled to cover width x height and cut around its middle.

    float32 (3, height, width), -1 to 1.
    """
    (across, left), (down, top) = _compute_cover(image.width, image.height, width, height)
    scaled = image.resize((across, down), Image.Resampling.BILINEAR)
    pixels = np.asarray(scaled.crop((left, top, left + width, top + height)), np.float32)
    return torch.from_numpy((pixels / 255 - 0.5) * 2).permute(2, 0, 1).contiguous()


def split_into_halves(width: int, height: int) -> tuple[Box, Box]:
    """The left and the right half of a picture, which two people share when unsure."""
    half = width // 2
    left, right = int(half * _MARGIN), int(half * (1 - _MARGIN))
    top, bottom = int(height * _MARGIN), int(height * (1 - _MARGIN))
    return (left, top, right, bottom), (left + half, top, right + half, bottom)


def build_latent_masks(
    boxes: Sequence[Box], source: tuple[int, int], frame: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which latents show speaker 1, speaker 2 and neither: (3, h, w).

    `boxes` are in a source picture of (width, height), which is scaled and cut to `frame` as by
    `scale_to_cover`. They may overlap.
    """
    axes = _compute_cover(*source, *frame)
    columns, rows = (
        _map_to_source(whole, start, source_extent, extent)
        for (whole, start), source_extent, extent in zip(axes, source, frame, strict=True)
    )
    shown = [
        ((rows >= top) & (rows < bottom))[:, None] & (columns >= left) & (columns < right)
        for left, top, right, bottom in boxes
    ]
    return np.stack([*shown, ~np.logical_or.reduce(shown)])


def to_token_masks(masks: NDArray[np.bool_]) -> Tensor:
    """Masks of latents (3, h, w) as masks of one latent frame's tokens: float32 (3, s)."""
    tokens = masks[:, ::TOKEN_LATENTS, ::TOKEN_LATENTS]
    return torch.from_numpy(tokens.reshape(len(masks), -1).astype(np.float32))


def build_speaker_masks(faces: Sequence[Box], width: int, height: int) -> Tensor:
    """The tokens of two speakers, by their faces' boxes in the frame's own pixels: float32 (3, s).

    A speaker is the whole person: the model weighs a mask by its area, so that small heads in a
    large remainder change who is addressed. The two halves instead where no faces are given, or
    they leave someone without a token of their own, or too few to nobody: that makes the model draw
    black, or move both faces to both voices.
    """
    frame = (width, height)
    for widths in _PERSON_WIDTHS if _are_apart(faces) else ():
        masks = to_token_masks(
            build_latent_masks(_build_person_boxes(faces, widths, height), frame, frame)
        )
        first, second, neither = masks.bool()
        if first.any() and second.any() and neither.float().mean() >= _MIN_BACKGROUND:
            return masks
    return to_token_masks(build_latent_masks(split_into_halves(width, height), frame, frame))


def _are_apart(faces: Sequence[Box]) -> bool:
    if len(faces) < 2:
        return False
    (a, _, b, _), (c, _, d, _) = faces
    return abs((c + d) - (a + b)) / 2 > _MIN_DISTANCE * ((b - a) + (d - c)) / 2


def _build_person_boxes(faces: Sequence[Box], widths: float, height: int) -> list[Box]:
    """The people with these two faces, each ending in the middle between them."""
    left, right = sorted(faces, key=lambda face: face[0] + face[2])
    middle = (left[2] + right[0]) / 2
    if left[2] > right[0]:  # one is partly behind the other
        middle = (left[0] + left[2] + right[0] + right[2]) / 4
    people: list[Box] = []
    for face in faces:
        centre, half = (face[0] + face[2]) / 2, widths * (face[2] - face[0]) / 2
        top = face[1] - _HAIR_RATIO * (face[3] - face[1])
        start, end = centre - half, centre + half
        span = (start, min(end, middle)) if face is left else (max(start, middle), end)
        people.append((span[0], top, span[1], height))
    return people


def _compute_cover(
    source_width: int, source_height: int, width: int, height: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Across and down: the scaled picture's size, and where the frame starts in it."""
    scale = max(height / source_height, width / source_width)
    across, down = math.ceil(scale * source_width), math.ceil(scale * source_height)
    return (across, round((across - width) / 2)), (down, round((down - height) / 2))


def _map_to_source(scaled: int, start: int, source: int, extent: int) -> NDArray[np.int64]:
    """For each latent along an axis, the source pixel that nearest-neighbour scaling takes."""
    pixels = start + np.arange(0, extent, LATENT_PX)
    step = np.float32(source) / np.float32(scaled)  # float32 as in torch's interpolate
    at: NDArray[np.int64] = np.floor(pixels.astype(np.float32) * step).astype(np.int64)
    return np.minimum(at, source - 1, dtype=np.int64)
