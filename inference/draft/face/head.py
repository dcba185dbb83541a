"""Small motions of a head in front of a fixed background."""

import cv2
import numpy as np

from inference.draft.face.axes import FaceAxes
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

_REACH = 0.62  # extent of the head above and beside the face's points
_FADE = 0.13  # the motion ends this far outside the head's outline
_FADE_IN = 0.03  # and begins to fade this far inside it
_NECK_TOP, _NECK_BOTTOM = 0.02, 0.55  # the motion fades out between these below the chin
_SEGMENT_PX = 160  # longest side of the picture for GrabCut
_MIN_AGREEMENT = 0.55  # intersection over union of the outlines from colour and from shape


class Head:
    """One head that moves by shifts and turns."""

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes) -> None:
        height, width = frame.shape[:2]
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        pad = (_REACH + _FADE) * axes.size_px
        left, top = (max(0, int(edge - pad)) for edge in low)
        right = min(width, int(high[0] + pad))
        bottom = min(height, int(high[1] + (_NECK_BOTTOM + 0.05) * axes.size_px))
        outline = find_head_outline(frame, points, axes, (left, top, right, bottom))
        weight = _build_motion_weight(outline, points, axes, (left, top))
        open_sides = (left == 0, top == 0, right == width, bottom == height)
        weight *= build_border_fade(right - left, bottom - top, 6, open_sides)
        moving = np.argwhere(weight > 1e-3)
        if len(moving):  # crop to the moving part
            (y0, x0), (y1, x1) = moving.min(0), moving.max(0) + 1
            weight = weight[y0:y1, x0:x1]
            left, top, right, bottom = left + x0, top + y0, left + x1, top + y1
        self._area = int(left), int(top), int(right), int(bottom)
        fields = _build_fields(points, axes, self._area, weight)
        self._warp = Warp(fields, max(2, min(8, int(axes.size_px / 30))))

    def move(self, canvas: Pixels, motion: Floats) -> None:
        """Move the head within the canvas, RGB uint8 (h, w, 3), in place.

        `motion` is float32 (5,): shift right and down in pixels; roll, yaw, pitch in radians.
        """
        left, top, right, bottom = self._area
        source = self._warp.compute_source_map(
            [float(part) for part in motion], passes=2, damping=1.0
        )
        part = canvas[top:bottom, left:right].astype(np.float32)  # faster than uint8 in OpenCV
        canvas[top:bottom, left:right] = np.clip(remap(part, source, smooth=True) + 0.5, 0, 255)


def _build_fields(
    points: Floats, axes: FaceAxes, area: tuple[int, int, int, int], weight: Floats
) -> Floats:
    """Return the fields for a pixel of each shift and a radian of each turn, (5, h, w, 2)."""
    x, y = build_pixel_grid(*area)
    neck = points[faces.CHIN, :2] + 0.35 * axes.size_px * axes.down[:2]
    depth = _estimate_depth(points, axes, x, y)
    zeros = np.zeros_like(x)
    directions = (
        (zeros + 1, zeros),
        (zeros, zeros + 1),
        (-(y - neck[1]), x - neck[0]),
        (-depth, zeros),
        (zeros, -depth),
    )
    return np.stack([np.stack(pair, -1) * weight[..., None] for pair in directions])


def _estimate_depth(points: Floats, axes: FaceAxes, x: Floats, y: Floats) -> Floats:
    """Estimate the depth behind the face's middle in pixels, float32 (h, w): a smooth bulge."""
    middle = points[list(faces.FACE_OVAL)].mean(0)
    offset = points - middle
    basis = _build_depth_basis(offset[:, 0], offset[:, 1], axes.size_px)
    solution, *_ = np.linalg.lstsq(basis, offset[:, 2], rcond=None)
    # not `@`: its library was seen to warn of invalid values on finite numbers
    depth = np.einsum(
        "hwk,k->hw", _build_depth_basis(x - middle[0], y - middle[1], axes.size_px), solution
    )
    reach = 0.35 * axes.size_px
    return np.asarray(np.clip(depth, -reach, reach), np.float32)


def _build_depth_basis(dx: Floats, dy: Floats, size_px: float) -> Floats:
    u, v = dx / size_px, dy / size_px
    hill = np.exp(-((u / 0.28) ** 2 + (v / 0.38) ** 2))
    nose = np.exp(-((u / 0.12) ** 2 + (v / 0.16) ** 2))
    return np.stack([np.ones_like(u), u, v, hill, nose], -1)


def _build_motion_weight(
    outline: Pixels, points: Floats, axes: FaceAxes, corner: tuple[int, int]
) -> Floats:
    """Return 1 on the head, 0 outside it and down the body, float32 (h, w)."""
    size = axes.size_px
    outside = cv2.distanceTransform(255 - outline, cv2.DIST_L2, 5).astype(np.float32)
    inside = cv2.distanceTransform(outline, cv2.DIST_L2, 5).astype(np.float32)
    weight = 1 - smoothstep(outside - inside, -_FADE_IN * size, _FADE * size)
    height, width = outline.shape
    x, y = build_pixel_grid(corner[0], corner[1], corner[0] + width, corner[1] + height)
    down = axes.down[:2] / (np.linalg.norm(axes.down[:2]) + 1e-9)
    chin = points[faces.CHIN, :2]
    below = (x - chin[0]) * down[0] + (y - chin[1]) * down[1]
    return np.asarray(
        weight * (1 - smoothstep(below, _NECK_TOP * size, _NECK_BOTTOM * size)), np.float32
    )


def find_head_outline(
    frame: Pixels, points: Floats, axes: FaceAxes, area: tuple[int, int, int, int]
) -> Pixels:
    """Return 255 on head and neck, 0 elsewhere, uint8 (h, w) over `area`.

    `area` is (left, top, right, bottom). The head is segmented by colour (GrabCut) starting from a
    typical shape; if the two disagree, the shape is returned.
    """
    left, top, right, bottom = area
    shape = np.zeros((bottom - top, right - left), np.uint8)
    certain = shape.copy()
    far = np.full_like(shape, 255)
    corner = np.asarray([left, top])
    hull = cv2.convexHull(points[:, :2].astype(np.float32))[:, 0] - corner
    cv2.fillPoly(certain, [np.round(hull).astype(np.int32)], 255)
    middle, half = (hull.max(0) + hull.min(0)) / 2, (hull.max(0) - hull.min(0)) / 2
    up = -0.18 * axes.size_px * axes.down[:2]
    roll = float(np.degrees(np.arctan2(axes.right[1], axes.right[0])))
    for grow, target, value in ((0.16, shape, 255), (0.45, far, 0)):
        reach = half + grow * axes.size_px
        ellipse = (tuple(map(float, middle + up)), (float(2 * reach[0]), float(2 * reach[1])), roll)
        cv2.ellipse(target, ellipse, value, -1)
    shape = np.maximum(shape, certain)
    segmented = _segment_head(
        np.ascontiguousarray(frame[top:bottom, left:right]), shape, certain, far
    )
    intersection = float(np.count_nonzero(segmented & shape))
    agreement = intersection / max(1.0, float(np.count_nonzero(segmented | shape)))
    return segmented if agreement > _MIN_AGREEMENT else shape


def _segment_head(picture: Pixels, shape: Pixels, certain: Pixels, far: Pixels) -> Pixels:
    """Run GrabCut on a small copy: `certain` is head, `far` background, `shape` likely head."""
    height, width = shape.shape
    scale = min(1.0, _SEGMENT_PX / max(height, width))
    small_size = (max(8, round(width * scale)), max(8, round(height * scale)))

    def shrink(mask: Pixels) -> Pixels:
        return np.asarray(cv2.resize(mask, small_size, interpolation=cv2.INTER_NEAREST), np.uint8)

    labels = np.full((small_size[1], small_size[0]), cv2.GC_PR_BGD, np.uint8)
    labels[shrink(shape) > 0] = cv2.GC_PR_FGD
    labels[shrink(far) > 0] = cv2.GC_BGD
    labels[shrink(certain) > 0] = cv2.GC_FGD
    if not (labels == cv2.GC_BGD).any() or not (labels == cv2.GC_FGD).any():
        return shape
    small_picture = cv2.resize(picture, small_size, interpolation=cv2.INTER_AREA)
    cv2.setRNGSeed(0)  # GrabCut starts from random clusters; the seed is per thread
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        small_picture, labels, (0, 0, 0, 0), background, foreground, 3, cv2.GC_INIT_WITH_MASK
    )
    foreground_mask = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    closed = cv2.morphologyEx(foreground_mask, cv2.MORPH_CLOSE, kernel)
    count, components = cv2.connectedComponents(cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel))
    largest = np.bincount(components[shrink(certain) > 0], minlength=count).argmax()
    head = np.where(components == largest, 255, 0).astype(np.uint8)
    full = cv2.resize(head, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(full > 127, 255, 0).astype(np.uint8)
