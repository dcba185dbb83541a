"""Rendering of the cropped and scaled frame, with soft continuation past the picture's edges.

Needs only PIL and numpy, so that the page can show the very frame that the engines start from.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inference.core.framing import Crop, PictureSize

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# Lengths are in parts of the frame's shorter side.
_MIRROR_DEPTH = 0.05  # width of the mirrored strip: a wider one could show a face twice
# (distance from the edge, blur radius); starting sharp leaves no seam
_BLUR_BY_DISTANCE = ((0.0, 0.0), (0.03, 0.015), (0.08, 0.05), (0.25, 0.14))
_EDGE_TOLERANCE_PX = 1e-6  # of float arithmetic


def render_crop(
    picture_png: Path,
    picture: PictureSize,
    crop: Crop,
    width: int,
    height: int,
    resample: Image.Resampling = Image.Resampling.LANCZOS,
) -> Pixels:
    """Return the cropped frame, RGB uint8 (height, width, 3).

    `crop` is in pixels of the upright source, of size `picture`; the clean PNG may be smaller.
    """
    with Image.open(picture_png, formats=["PNG"]) as opened:
        clean = opened.convert("RGB")
    scale_x, scale_y = clean.width / picture.width, clean.height / picture.height
    left, right = crop.left * scale_x, (crop.left + crop.width) * scale_x
    top, bottom = crop.top * scale_y, (crop.top + crop.height) * scale_y
    columns = _find_covered_pixels(left, right, clean.width, width)
    rows = _find_covered_pixels(top, bottom, clean.height, height)
    box = (
        *_find_source_range(left, right, columns, clean.width, width),
        *_find_source_range(top, bottom, rows, clean.height, height),
    )
    shown = clean.resize((len(columns), len(rows)), resample, (box[0], box[2], box[1], box[3]))
    pixels = np.asarray(shown)
    if len(columns) == width and len(rows) == height:
        return pixels
    return _extend_edges(pixels, columns, rows, width, height)


def _find_covered_pixels(low: float, high: float, extent: int, pixels: int) -> range:
    """Return the frame pixels along an axis, from low to high, that lie within 0..extent."""
    per_pixel = (high - low) / pixels
    first = int(np.ceil(max(0.0, -low) / per_pixel - _EDGE_TOLERANCE_PX))
    last = int(np.floor((min(high, extent) - low) / per_pixel + _EDGE_TOLERANCE_PX))
    first = min(first, pixels - 1)
    return range(first, max(first + 1, min(last, pixels)))


def _find_source_range(
    low: float, high: float, shown: range, extent: int, pixels: int
) -> tuple[float, float]:
    """Return the part of low..high behind those pixels, within 0..extent and never empty."""
    per_pixel = (high - low) / pixels
    start = min(max(low + shown.start * per_pixel, 0.0), max(extent - per_pixel, 0.0))
    end = min(max(low + shown.stop * per_pixel, start + min(per_pixel, extent)), float(extent))
    return start, end


def _extend_edges(shown: Pixels, columns: range, rows: range, width: int, height: int) -> Pixels:
    """Return a (height, width, 3) frame with `shown` in it, mirrored and blurred around it."""
    side = min(width, height)
    from_columns, beyond_columns = _build_mirror_indices(
        columns, width, round(_MIRROR_DEPTH * side)
    )
    from_rows, beyond_rows = _build_mirror_indices(rows, height, round(_MIRROR_DEPTH * side))
    mirrored = shown[from_rows[:, None], from_columns]
    distance = np.hypot(beyond_columns, beyond_rows[:, None]) / side  # (height, width)
    picture, frame = Image.fromarray(mirrored), mirrored.astype(np.float32)
    for (near, _), (far, radius) in pairwise(_BLUR_BY_DISTANCE):
        blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(radius * side)), np.float32)
        part = np.clip((distance - near) / (far - near), 0, 1)
        frame += (part * part * (3 - 2 * part))[..., None] * (blurred - frame)
    return np.rint(frame).astype(np.uint8)


def _build_mirror_indices(
    covered: range, pixels: int, depth: int
) -> tuple[NDArray[np.intp], Floats]:
    """Return the index of the source pixel, and the distance outside, for each pixel of an axis.

    Outside, the outermost `depth` covered pixels are mirrored back and forth. Indices from 0.
    """
    at = np.arange(pixels) - covered.start
    last = len(covered) - 1
    beyond = np.maximum(np.maximum(-at, at - last), 0)
    depth = min(depth, len(covered))
    folded = (beyond - 1) % (2 * depth)
    inward = np.minimum(folded, 2 * depth - 1 - folded)
    source = np.where(at < 0, inward, np.where(at > last, last - inward, at))
    return source.astype(np.intp), beyond.astype(np.float32)
