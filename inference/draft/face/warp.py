"""Motion by displacement fields: smooth steps, and inverse maps for `cv2.remap`."""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
AnyPixels = TypeVar("AnyPixels", Floats, Pixels)


def smoothstep(values: Floats, start: float | Floats, end: float | Floats) -> Floats:
    """Map `start` to 0 and `end` to 1 by a clipped cubic, float32 of the shape of `values`."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def build_pixel_grid(left: int, top: int, right: int, bottom: int) -> tuple[Floats, Floats]:
    """Return x and y of every pixel of the area, float32 (h, w) each."""
    x, y = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    return x.astype(np.float32), y.astype(np.float32)


def build_border_fade(
    width: int, height: int, fade_px: float, open_sides: Sequence[bool]
) -> Floats:
    """Return weights, float32 (h, w), 0 at the area's border and 1 from `fade_px` inwards.

    `open_sides` (left, top, right, bottom), at the border of the frame, do not fade.
    """
    x, y = build_pixel_grid(0, 0, width, height)
    fade = np.ones((height, width), np.float32)
    for distance, is_open in zip((x, y, width - 1 - x, height - 1 - y), open_sides, strict=True):
        if not is_open:
            fade *= np.clip(distance / fade_px, 0, 1)
    return fade


def remap(image: AnyPixels, source: Floats, smooth: bool = False) -> AnyPixels:
    """Sample `image` (h, w) or (h, w, c) at the positions `source`, float32 (rows, columns, 2).

    Bilinear, or bicubic if `smooth`; the border pixels are repeated outside.
    """
    interpolation = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    no_second_map: Any = None  # allowed when the first map holds x and y; missing in the stubs
    moved = cv2.remap(image, source, no_second_map, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return cast(AnyPixels, moved)


class Warp:
    """Warp of one area by a weighted sum of displacement fields.

    Fields hold the target of each pixel; `compute_source_map` returns the source of each. The
    inverse is found by fixed-point iteration on a grid `step_px` coarser, which is exact enough
    because the fields are smooth.
    """

    def __init__(self, fields: Floats, step_px: int = 1) -> None:
        """`fields` is float32 (k, h, w, 2): dx, dy in pixels for a weight of 1."""
        count, self._height, self._width = fields.shape[:3]
        rows, columns = -(-self._height // step_px), -(-self._width // step_px)
        self._scale = np.asarray([self._width / columns, self._height / rows], np.float32)
        small = [cv2.resize(f, (columns, rows), interpolation=cv2.INTER_AREA) for f in fields]
        self._fields = (np.stack(small) / self._scale).astype(np.float32).reshape(count, -1)
        self._grid = np.stack(build_pixel_grid(0, 0, columns, rows), -1)
        self._pixels = np.stack(build_pixel_grid(0, 0, self._width, self._height), -1)

    def compute_source_map(
        self, weights: Sequence[float], passes: int = 5, damping: float = 0.9
    ) -> Floats:
        """Return the source of each pixel, float32 (h, w, 2): x, y in pixels of the area."""
        moved: Floats = (np.asarray(weights, np.float32) @ self._fields).reshape(self._grid.shape)
        source = self._grid - moved
        for _ in range(passes):
            shift = remap(moved, source)
            source += damping * (self._grid - shift - source)
        offset = (source - self._grid) * self._scale
        offset = cv2.resize(offset, (self._width, self._height)).astype(np.float32, copy=False)
        return self._pixels + offset
