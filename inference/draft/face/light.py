"""Light of the picture: colours for drawing into a face, sharpness and noise."""

from dataclasses import dataclass

import cv2
import numpy as np

from inference.draft.face.axes import FaceAxes
from inference.draft.face.warp import Floats, Pixels
from inference.media import faces

# In a drawing, this many plain colours cover at least this share of the face.
_DRAWING_COLOURS, _DRAWING_SHARE = 6, 0.45

# Around the lip corners, philtrum, chin and nose: lit like the mouth, visible in most poses.
_SKIN_POINTS = (205, 425, 164, 200, 5, 165, 391)
_USUAL_SKIN = np.asarray([1.19, 0.97, 0.84], np.float32)  # in white light, mean 1
_IVORY = np.asarray([1.03, 1.0, 0.93], np.float32)  # of teeth in white light, mean about 1


@dataclass(frozen=True)
class Light:
    """Light on the face: colours as float32 (3,) RGB, 0 to 255.

    `blur_px` and `noise` (in levels) are the picture's own.
    """

    skin: Floats
    tooth: Floats
    cavity: Floats
    tongue: Floats
    blur_px: float
    noise: float
    is_drawing: bool


def measure_light(frame: Pixels, points: Floats, axes: FaceAxes) -> Light:
    """Measure the light on the face, for what is drawn into it."""
    height, width = frame.shape[:2]
    low = np.clip(points[:, :2].min(0).astype(int), 0, [width - 2, height - 2])
    high = np.clip(points[:, :2].max(0).astype(int) + 1, low + 2, [width, height])
    skin = _sample_skin(frame, points, axes)
    typical = np.median(skin, axis=0).astype(np.float32)
    bright = np.percentile(skin, 85, axis=0).astype(np.float32)
    eye_white = _measure_eye_white(frame, points)
    level = float(np.clip(max(1.1 * bright.mean(), 0.9 * eye_white), 30, 235))
    tint = 0.5 * bright / max(float(bright.mean()), 1.0) + 0.5 * _IVORY
    tooth = level * tint
    part = frame[low[1] : high[1], low[0] : high[0], 1].astype(np.float32)
    edges = np.abs(cv2.Laplacian(part, cv2.CV_32F))
    noise = float(np.median(edges)) / 4
    is_drawing = _is_drawing(frame[low[1] : high[1], low[0] : high[0]])
    crisp = float(np.percentile(edges, 98)) / max(float(part.std()), 1.0)
    blur_px = 0.5 if is_drawing else float(np.clip(1.6 - 0.7 * crisp, 0.6, 1.6))
    brightness = np.float32(np.clip(float(typical.mean()) / 170, 0.3, 1.1))
    colour = typical / max(float(typical.mean()), 1.0) / _USUAL_SKIN * brightness
    cavity = np.asarray([34, 15, 13], np.float32) * colour
    tongue = np.asarray([158, 86, 80], np.float32) * colour
    if is_drawing:
        tooth = np.asarray(0.2 * bright + 0.8 * 250, np.float32)
    return Light(typical, tooth.astype(np.float32), cavity, tongue, blur_px, noise, is_drawing)


def _is_drawing(face: Pixels) -> bool:
    """Return whether a few colours make up the face."""
    levels = (face // 4).reshape(-1, 3).astype(np.int32) @ np.asarray([4096, 64, 1])
    _, counts = np.unique(levels, return_counts=True)
    return bool(np.sort(counts)[-_DRAWING_COLOURS:].sum() > _DRAWING_SHARE * len(levels))


def _sample_skin(frame: Pixels, points: Floats, axes: FaceAxes) -> Floats:
    """Return skin pixels from around mouth and nose, float32 (n, 3)."""
    reach = max(1, int(0.02 * axes.size_px))
    height, width = frame.shape[:2]
    patches = []
    for x, y in points[list(_SKIN_POINTS), :2].astype(int):
        x, y = np.clip(x, reach, width - reach - 1), np.clip(y, reach, height - reach - 1)
        patch = frame[y - reach : y + reach + 1, x - reach : x + reach + 1]
        patches.append(patch.reshape(-1, 3))
    return np.concatenate(patches).astype(np.float32)


def _measure_eye_white(frame: Pixels, points: Floats) -> float:
    """Return the brightness of the eyes' whites, lit like the teeth, in levels; 0 if hidden."""
    inside = np.zeros(frame.shape[:2], np.uint8)
    for upper, lower in (
        (faces.LEFT_EYE_UPPER, faces.LEFT_EYE_LOWER),
        (faces.RIGHT_EYE_UPPER, faces.RIGHT_EYE_LOWER),
    ):
        outline = points[list(upper + lower[::-1]), :2]
        cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    brightness = frame[inside > 0].astype(np.float32).mean(1)
    return float(np.percentile(brightness, 80)) if len(brightness) else 0.0
