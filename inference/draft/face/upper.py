"""Upper face in a photograph: brows that rise and irises that look aside, as one warp."""

import cv2
import numpy as np

from inference.draft.face.axes import FaceAxes, normalise
from inference.draft.face.warp import (
    Floats,
    Pixels,
    Warp,
    build_border_fade,
    build_pixel_grid,
    remap,
    smoothstep,
)
from inference.media import faces

# Lengths are shares of the face's height.
_BROW_RISE = 0.014
_ABOVE, _BESIDE = 0.13, 0.06  # reach of the motion over and beside the brows
_LID_CLEAR = 0.45  # share of the way from the eye to its brow that stays still
_EDGE = 0.04  # the brows' motion ends at the face's outline
_LID_EDGE_PX = 2.0  # the irises' motion ends at the lids
_CORNER = (0.5, 0.95)  # and towards the corners of the eyes, in half eyes
_LEAST_PX = 0.05  # smaller motions are not drawn
_SIDES = (
    (faces.LEFT_EYE_UPPER, faces.LEFT_EYE_LOWER, faces.LEFT_BROW_UPPER, faces.LEFT_BROW_LOWER),
    (faces.RIGHT_EYE_UPPER, faces.RIGHT_EYE_LOWER, faces.RIGHT_BROW_UPPER, faces.RIGHT_BROW_LOWER),
)


class UpperFace:
    """Brows and irises of one photographed face."""

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes) -> None:
        height, width = frame.shape[:2]
        self._size = axes.size_px
        around = points[[index for side in _SIDES for part in side for index in part], :2]
        reach = np.asarray([_BESIDE, _ABOVE]) * self._size
        left, top = np.clip((around.min(0) - reach).astype(int), 0, [width - 4, height - 4])
        right, bottom = np.clip(
            (around.max(0) + [reach[0], 4]).astype(int), [left + 4, top + 4], [width, height]
        )
        self._area = int(left), int(top), int(right), int(bottom)
        x, y = build_pixel_grid(*self._area)
        rise, iris = np.zeros_like(x), np.zeros_like(x)
        for upper, lower, brow_upper, brow_lower in _SIDES:
            eye = points[list(upper + lower[-2:0:-1]), :2]
            brow = points[list(brow_upper + brow_lower), :2]
            rise = np.maximum(rise, _build_brow_weight(x, y, eye, brow, axes))
            seen = smoothstep(self._measure_depth(eye), 0, _LID_EDGE_PX)
            iris = np.maximum(iris, seen * (1 - smoothstep(_measure_along(x, y, eye), *_CORNER)))
        rise *= build_border_fade(x.shape[1], x.shape[0], 4, (False,) * 4)
        hull: Floats = cv2.convexHull(points[:, :2].astype(np.float32))[:, 0].astype(np.float32)
        rise *= smoothstep(self._measure_depth(hull), 0, _EDGE * self._size)
        right_way, down_way = normalise(axes.right[:2]), normalise(axes.down[:2])
        fields = [-rise[..., None] * down_way, iris[..., None] * right_way]
        fields.append(iris[..., None] * down_way)
        self._warp = Warp(np.stack(fields).astype(np.float32))

    def _measure_depth(self, outline: Floats) -> Floats:
        """Return how far inside the outline each pixel is, float32 (h, w), 0 outside."""
        left, top, right, bottom = self._area
        inside = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(inside, [np.round(outline - np.asarray([left, top])).astype(np.int32)], 255)
        return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)

    def draw(self, canvas: Pixels, brows: float, gaze: Floats) -> None:
        """Raise the brows and move the irises in the canvas, RGB uint8 (h, w, 3), in place.

        `brows` is 0 to 1; `gaze`, right and down, in face heights.
        """
        moved = np.asarray([_BROW_RISE * brows, *gaze]) * self._size
        if np.abs(moved).max() < _LEAST_PX:
            return
        left, top, right, bottom = self._area
        source = self._warp.compute_source_map([float(each) for each in moved], passes=2)
        part = canvas[top:bottom, left:right].astype(np.float32)
        canvas[top:bottom, left:right] = np.clip(remap(part, source, smooth=True) + 0.5, 0, 255)


def _build_brow_weight(x: Floats, y: Floats, eye: Floats, brow: Floats, axes: FaceAxes) -> Floats:
    """Return 1 on the brow, 0 from the lid down and far above and beside it, float32 (h, w)."""
    right, down = normalise(axes.right[:2]), normalise(axes.down[:2])
    across = (x - brow[:, 0].mean()) * right[0] + (y - brow[:, 1].mean()) * right[1]
    below = (x - brow[:, 0].mean()) * down[0] + (y - brow[:, 1].mean()) * down[1]
    offset = brow - brow.mean(0)
    half, thick = np.abs(offset @ right).max(), np.abs(offset @ down).max()
    lid = ((eye - brow.mean(0)) @ down).min()
    weight = 1 - smoothstep(below, thick, max(thick + 1, (1 - _LID_CLEAR) * lid))
    weight *= 1 - smoothstep(-below, thick, thick + _ABOVE * axes.size_px)
    weight *= 1 - smoothstep(np.abs(across), 0.8 * half, half + _BESIDE * axes.size_px)
    return np.asarray(weight, np.float32)


def _measure_along(x: Floats, y: Floats, eye: Floats) -> Floats:
    """Return the distance from the eye's middle along its line, 1 at a corner, float32 (h, w)."""
    ends = eye[[0, len(eye) // 2]]
    axis, middle = normalise(ends[1] - ends[0]), ends.mean(0)
    half = float(np.linalg.norm(ends[1] - ends[0])) / 2 + 1e-6
    along = (x - middle[0]) * axis[0] + (y - middle[1]) * axis[1]
    return np.asarray(np.abs(along) / half, np.float32)
