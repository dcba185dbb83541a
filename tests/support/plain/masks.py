"""Who stands where, the slow way: whole-image masks, resized and cropped like the picture."""

from collections.abc import Sequence
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

MARGIN = 0.05  # part of a half picture left free on each side of a default box
PIXELS_PER_LATENT = 8

Box = Sequence[int]  # row_min, col_min, row_max, col_max in source pixels, ends excluded


def latent_masks(
    boxes: Sequence[Box] | None,
    source_height: int,
    source_width: int,
    height: int,
    width: int,
) -> Tensor:
    """Masks (3, height/8, width/8) of person 1, person 2 and background, float32 0 or 1.

    boxes: one for each of the two persons, in pixels of the source picture; None for the left and
    the right half. The background is what no person covers. Spec sections 4 and 6.3.
    """
    if boxes is None:
        boxes = _halves(source_height, source_width)
    persons = torch.zeros(len(boxes), source_height, source_width)  # (p, rows, columns)
    for person, (row_min, col_min, row_max, col_max) in zip(persons, boxes, strict=True):
        person[row_min:row_max, col_min:col_max] = 1
    background = (persons.sum(dim=0, keepdim=True) == 0).float()
    masks = _resize_and_crop(torch.cat([persons, background]), height, width)
    latent = _nearest(masks, height // PIXELS_PER_LATENT, width // PIXELS_PER_LATENT)
    return (latent > 0).float()


def token_masks(latent_masks: Tensor) -> Tensor:
    """Masks (3, s) of the s tokens of one latent frame, 0 or 1, from (3, h, w) latent masks.

    A token covers 2 x 2 latent pixels and takes its value from the first of them, as nearest
    resizing does. Spec section 6.2.
    """
    _, rows, columns = latent_masks.shape
    tokens = _nearest(latent_masks, rows // 2, columns // 2)  # (3, h/2, w/2)
    return (tokens > 0).to(latent_masks.dtype).flatten(1)


def _halves(source_height: int, source_width: int) -> list[Box]:
    half = source_width // 2
    row_min, row_max = int(MARGIN * source_height), int((1 - MARGIN) * source_height)
    col_min, col_max = int(half * MARGIN), int(half * (1 - MARGIN))
    return [
        (row_min, col_min, row_max, col_max),
        (row_min, half + col_min, row_max, half + col_max),
    ]


def _resize_and_crop(masks: Tensor, height: int, width: int) -> Tensor:
    # (c, source rows, source columns) -> (c, height, width): fill the target, cut what overhangs
    _, source_height, source_width = masks.shape
    scale = max(height / source_height, width / source_width)
    resized = _nearest(masks, ceil(scale * source_height), ceil(scale * source_width))
    top = round((resized.shape[1] - height) / 2)  # python's round: halves go to the even number
    left = round((resized.shape[2] - width) / 2)
    return resized[:, top : top + height, left : left + width]


def _nearest(masks: Tensor, rows: int, columns: int) -> Tensor:
    return F.interpolate(masks[None], size=(rows, columns), mode="nearest")[0]
