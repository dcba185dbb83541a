"""Where the lips are: their edges as curves, in coordinates that belong to the mouth.

`across` is -1 at the left corner of the mouth, 1 at the right one and 0 at its middle, also when
the head is turned; `down` is in pixels below the line through the corners.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from inference.draft.warp import Floats, Pixels
from inference.media import faces

_SAMPLES = 129  # of each curve, from corner to corner
_SEARCH = 0.035  # how far a lip edge may lie from the mesh's, in face heights
_MAX_SKEW = 0.8  # of the halves of a turned mouth; at 1 `across` would fold


@dataclass(frozen=True)
class FaceAxes:
    """Directions of the face. `right`, `down`, `away` are 3-D unit vectors, float32 (3,).

    `height_px` is forehead to chin as seen in the frame, `size_px` the same with depth.
    """

    right: Floats
    down: Floats
    away: Floats
    height_px: float
    size_px: float


def face_axes(points: Floats) -> FaceAxes:
    """The axes of a face from its 468 points, float32 (468, 3)."""
    right = _unit(points[faces.RIGHT_EYE_OUTER] - points[faces.LEFT_EYE_OUTER])
    tall = points[faces.CHIN] - points[faces.FOREHEAD]
    down = _unit(tall - right * (tall @ right))
    height_px, size_px = float(np.hypot(*tall[:2])), float(np.linalg.norm(tall))
    return FaceAxes(right, down, np.cross(right, down), height_px, size_px)


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-9), np.float32)


class Lips:
    """The four edges of the lips as `down` over `across`, and the mouth's own coordinates.

    `upper`, `lower` are the inner edges, `outer_upper`, `outer_lower` the outer ones, each float32
    (129,) over `positions`; `gap_px` is what the mouth is open in the picture, in its middle.
    """

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes) -> None:
        self.height_px = axes.height_px
        self.positions = np.linspace(-1, 1, _SAMPLES, dtype=np.float32)
        flat = points[:, :2]
        left, right = flat[faces.LIPS_INNER_UPPER[0]], flat[faces.LIPS_INNER_UPPER[-1]]
        self.origin = (left + right) / 2
        self.right = _unit(right - left)
        self.down = _unit(axes.down[:2])
        self._to_own = np.linalg.inv(np.stack([self.right, self.down], 1)).astype(np.float32)
        half = float(np.linalg.norm(right - left)) / 2
        middle = (flat[faces.LIPS_INNER_UPPER[5]] + flat[faces.LIPS_INNER_LOWER[5]]) / 2
        skew = float((self._to_own @ (middle - self.origin))[0]) / max(half, 1e-3)
        # along(across) = middle + half across - middle across^2, so that the corners stay at +-half
        self.middle_px = float(np.clip(skew, -_MAX_SKEW / 2, _MAX_SKEW / 2)) * half
        self.half_px = half
        self.upper = self._curve(flat, faces.LIPS_INNER_UPPER)
        self.lower = np.maximum(self._curve(flat, faces.LIPS_INNER_LOWER), self.upper)
        self.outer_upper = np.minimum(self._curve(flat, faces.LIPS_OUTER_UPPER), self.upper)
        self.outer_lower = np.maximum(self._curve(flat, faces.LIPS_OUTER_LOWER), self.lower)
        self._snap_to_picture(frame)
        self.gap_px = float((self.lower - self.upper)[_SAMPLES // 2])

    def coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """`across` and `down` of frame positions x, y (float32, same shape each)."""
        dx, dy = x - self.origin[0], y - self.origin[1]
        along = self._to_own[0, 0] * dx + self._to_own[0, 1] * dy
        down = self._to_own[1, 0] * dx + self._to_own[1, 1] * dy
        return self._across(along), np.asarray(down, np.float32)

    def frame_positions(self, across: Floats, down: Floats) -> Floats:
        """x, y in the frame of mouth coordinates: float32 of their shape and a last axis of 2."""
        inside = np.clip(across, -1, 1)
        along = self.middle_px * (1 - inside**2) + self.half_px * inside
        slope = np.where(across < 0, 1, -1) * 2 * self.middle_px + self.half_px
        along = along + (across - inside) * slope
        place = self.origin + along[..., None] * self.right + down[..., None] * self.down
        return np.asarray(place, np.float32)

    def at(self, curve: Floats, across: Floats) -> Floats:
        """The value of one of the curves at any `across`; beyond a corner, the corner's."""
        return np.interp(across, self.positions, curve).astype(np.float32)

    def _across(self, along: Floats) -> Floats:
        """Inverse of along(across): a quadratic between the corners, straight beyond them."""
        a, b = self.middle_px, self.half_px
        if abs(a) < 1e-3 * b:
            return np.asarray(along / b, np.float32)
        inside = np.clip(along, -b, b)
        root = np.sqrt(np.maximum(b * b - 4 * a * (inside - a), 0))
        across = (b - root) / (2 * a)
        slope = np.where(along < 0, 1, -1) * 2 * a + b
        return np.asarray(across + (along - inside) / slope, np.float32)

    def _curve(self, flat: Floats, indices: tuple[int, ...]) -> Floats:
        own = (flat[list(indices)] - self.origin) @ self._to_own.T
        across = np.maximum.accumulate(self._across(own[:, 0].astype(np.float32)))
        across += np.arange(len(across), dtype=np.float32) * 1e-4
        curve = np.interp(self.positions, across, own[:, 1])
        return gaussian_filter1d(curve, _SAMPLES / 40, mode="nearest").astype(np.float32)

    def _snap_to_picture(self, frame: Pixels) -> None:
        """Move the inner edges to where the picture's colour changes from mouth to lip.

        The mesh is a pixel or two off, more on drawings, and what is left of teeth or dark inside
        a lip's edge would show as a line when the mouth closes.
        """
        middle = (self.upper + self.lower) / 2
        for name, outwards in (("upper", -1.0), ("lower", 1.0)):
            edge: Floats = getattr(self, name)
            shift = self._edge_shift(frame, edge, middle, outwards)
            setattr(self, name, edge + outwards * shift)
        self.lower = np.maximum(self.lower, self.upper)

    def _edge_shift(self, frame: Pixels, edge: Floats, middle: Floats, outwards: float) -> Floats:
        reach = _SEARCH * self.height_px
        steps = np.linspace(-reach, 2 * reach, 49, dtype=np.float32)
        down = edge[None] + outwards * steps[:, None]
        inside_of_middle = outwards * (down - middle[None]) < 0
        place = self.frame_positions(np.broadcast_to(self.positions, down.shape), down)
        colours = cv2.remap(
            frame.astype(np.float32), place, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        lip = np.median(colours[(steps > reach) & (steps < 1.6 * reach)], axis=0)
        unlike = np.linalg.norm(colours - lip, axis=-1)
        unlike[inside_of_middle] = 0
        tried = steps <= reach
        contrast = unlike[tried].max(0)
        # the outermost place that still looks more like the mouth's inside than like the lip
        mouth_like = (unlike > 0.5 * contrast) & tried[:, None]
        outermost = np.where(
            mouth_like.any(0), steps[len(steps) - 1 - mouth_like[::-1].argmax(0)], 0
        )
        sure = np.clip((contrast - 20) / 40, 0, 1) * (1 - self.positions**6)
        fit = np.polynomial.Polynomial.fit(self.positions, outermost * sure, 4, w=0.05 + sure)
        shift = np.clip(fit(self.positions), -reach, reach) * (1 - self.positions**8)
        return np.asarray(shift, np.float32)
