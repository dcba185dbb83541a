"""Picture conditioning: the picture scaled to cover the frame, and masks of the speakers.

Speakers are boxes (left, top, right, bottom) in pixels of the source. Masks of latents and tokens
are computed from positions alone, so no mask is as large as the picture.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Box = tuple[float, float, float, float]

LATENT_PX = 8  # width and height of a latent in pixels of the frame
TOKEN_LATENTS = 2  # width and height of a token in latents
_MARGIN = 0.05  # margin around each half of the picture, as a share of it
# A person's box extends from above the face, by a share of its height, to the bottom of the frame.
# Its width is the first of these multiples of the face's width that leaves enough background.
_HAIR_RATIO = 0.7
_PERSON_WIDTHS = (3.0, 2.5, 2.0, 1.5, 1.0)
_MIN_BACKGROUND = 0.05  # share of the tokens
_MIN_DISTANCE = (
    0.5  # between two faces' centres, in mean face widths; nearer faces are one above the other
)


def scale_to_cover(image: Image.Image, width: int, height: int) -> Tensor:
    """Scale an RGB image to cover width x height and crop its centre.

    Returns float32 (3, height, width), -1 to 1.
    """
    (scaled_width, left), (scaled_height, top) = _compute_cover(
        image.width, image.height, width, height
    )
    scaled = image.resize((scaled_width, scaled_height), Image.Resampling.BILINEAR)
    pixels = np.asarray(scaled.crop((left, top, left + width, top + height)), np.float32)
    return torch.from_numpy((pixels / 255 - 0.5) * 2).permute(2, 0, 1).contiguous()


def split_into_halves(width: int, height: int) -> tuple[Box, Box]:
    """Return the left and the right half of a picture, for two speakers without face boxes."""
    half = width // 2
    left, right = int(half * _MARGIN), int(half * (1 - _MARGIN))
    top, bottom = int(height * _MARGIN), int(height * (1 - _MARGIN))
    return (left, top, right, bottom), (left + half, top, right + half, bottom)


def build_latent_masks(
    boxes: Sequence[Box], source: tuple[int, int], frame: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return masks of the latents that show speaker 1, speaker 2 and the background: (3, h, w).

    `boxes`, which may overlap, are in a picture of size `source` (width, height) that is scaled to
    size `frame` as by `scale_to_cover`.
    """
    axes = _compute_cover(*source, *frame)
    columns, rows = (
        _map_to_source(scaled, start, source_extent, extent)
        for (scaled, start), source_extent, extent in zip(axes, source, frame, strict=True)
    )
    speakers = [
        ((rows >= top) & (rows < bottom))[:, None] & (columns >= left) & (columns < right)
        for left, top, right, bottom in boxes
    ]
    return np.stack([*speakers, ~np.logical_or.reduce(speakers)])


def to_token_masks(masks: NDArray[np.bool_]) -> Tensor:
    """Convert masks of latents (3, h, w) to masks of one latent frame's tokens, float32 (3, s)."""
    tokens = masks[:, ::TOKEN_LATENTS, ::TOKEN_LATENTS]
    return torch.from_numpy(tokens.reshape(len(masks), -1).astype(np.float32))


def build_speaker_masks(faces: Sequence[Box], width: int, height: int) -> Tensor:
    """Return the token masks of two speakers and the background, float32 (3, s).

    `faces` are boxes in pixels of the frame. A mask covers the whole person: the model weighs a
    mask by its area, so small heads beside a large background change the assignment of voices.
    Without two separate faces the masks are the two halves; likewise when a mask would be empty or
    the background too small, as then the model draws black or moves both faces to both voices.
    """
    frame = (width, height)
    for widths in _PERSON_WIDTHS if _are_apart(faces) else ():
        masks = to_token_masks(
            build_latent_masks(_build_person_boxes(faces, widths, height), frame, frame)
        )
        first, second, background = masks.bool()
        if first.any() and second.any() and background.float().mean() >= _MIN_BACKGROUND:
            return masks
    return to_token_masks(build_latent_masks(split_into_halves(width, height), frame, frame))


def _are_apart(faces: Sequence[Box]) -> bool:
    if len(faces) < 2:
        return False
    (a, _, b, _), (c, _, d, _) = faces
    return abs((c + d) - (a + b)) / 2 > _MIN_DISTANCE * ((b - a) + (d - c)) / 2


def _build_person_boxes(faces: Sequence[Box], widths: float, height: int) -> list[Box]:
    """Return the boxes of the people with these two faces, split in the middle between them."""
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
    """Return, for x and y, the size of the scaled picture and the start of the frame in it."""
    scale = max(height / source_height, width / source_width)
    scaled_width, scaled_height = (
        math.ceil(scale * source_width),
        math.ceil(scale * source_height),
    )
    left, top = round((scaled_width - width) / 2), round((scaled_height - height) / 2)
    return (scaled_width, left), (scaled_height, top)


def _map_to_source(scaled: int, start: int, source: int, extent: int) -> NDArray[np.int64]:
    """Return the source pixel of each latent along an axis, by nearest-neighbour scaling."""
    pixels = start + np.arange(0, extent, LATENT_PX)
    step = np.float32(source) / np.float32(scaled)  # float32 as in torch's interpolate
    indices: NDArray[np.int64] = np.floor(pixels.astype(np.float32) * step).astype(np.int64)
    return np.minimum(indices, source - 1, dtype=np.int64)
