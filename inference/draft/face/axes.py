"""Orientation and size of a face in the frame."""

from dataclasses import dataclass

import numpy as np

from inference.draft.face.warp import Floats
from inference.media import faces


@dataclass(frozen=True)
class FaceAxes:
    """Directions of a face: `right`, `down` and `away` are 3-D unit vectors, float32 (3,).

    `height_px` is forehead to chin as seen in the frame, `size_px` the same with depth.
    """

    right: Floats
    down: Floats
    away: Floats
    height_px: float
    size_px: float


def compute_face_axes(points: Floats) -> FaceAxes:
    """Return the axes of a face from its points, float32 (468, 3)."""
    right = normalise(points[faces.RIGHT_EYE_OUTER] - points[faces.LEFT_EYE_OUTER])
    vertical = points[faces.CHIN] - points[faces.FOREHEAD]
    down = normalise(vertical - right * (vertical @ right))
    height_px, size_px = float(np.hypot(*vertical[:2])), float(np.linalg.norm(vertical))
    return FaceAxes(right, down, np.cross(right, down), height_px, size_px)


def normalise(vector: Floats) -> Floats:
    """Scale the vector to length 1, float32."""
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-9), np.float32)
