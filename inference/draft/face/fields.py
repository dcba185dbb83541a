"""Displacement fields of the skin around a speaking mouth, in an upper and a lower layer.

Each layer is the whole lower face, displaced so that its own lip follows the pose; beyond the
corners both layers move alike. Constants are shares of the face's height unless noted otherwise.
"""

import cv2
import numpy as np

from inference.draft.face.axes import FaceAxes
from inference.draft.face.light import Light
from inference.draft.face.lips import Lips
from inference.draft.face.warp import Floats, smoothstep
from inference.media import faces

MAX_GAP = 0.115  # between the lips at opening 1
_UPPER_SHARE = 0.16  # of the opening is the upper lip's; the rest is the jaw's
_CHIN_SHARE = 0.72  # of the lower lip's motion is the chin's; less than in life, to spare the neck
_CORNER_DROP = 0.10  # of the opening: motion of the corners with the jaw
_CLOSING_UPPER_SHARE = 0.30  # of the gap, when the picture's open mouth closes
_MAX_CLOSING_UPPER = 0.022
_SMILE_NARROWER = 0.10  # of the mouth's width: a wide smile relaxes
_NO_SMILE, _FULL_SMILE = 0.30, 0.38  # widths of open mouths
_SHUT_FULLER = 0.12  # of the gap: closing lips relax
_OVERLAP = 0.006  # of the lower lip under the upper one when shut
_PRESS = 0.004  # inward motion of each lip's edge when pressed (B, P, M)
_PRESSED_THINNER = 0.15  # of each lip's thickness
_ROUND_NARROWER = 0.36  # of the mouth's width
_ROUND_LEVEL = 0.6  # of a smile's bow in the line of the lips is removed
_ROUND_FULLER = 0.16  # of each lip's thickness
_SPREAD_WIDER = 0.12
_SPREAD_RISE = 0.012
_TEETH_RISE = 0.008  # lips draw back to show the teeth (S, F, E)
_MIN_LIP = 0.02  # thickness used where the picture shows almost no lip


class MouthFields:
    """Displacement fields of both layers, one for each weight of a `Pose`."""

    def __init__(
        self,
        lips: Lips,
        light: Light,
        points: Floats,
        axes: FaceAxes,
        across: Floats,
        down: Floats,
        corner: tuple[int, int],
    ) -> None:
        self._lips, self._across, self._down = lips, across, down
        self._height = axes.height_px
        self._chin = float(lips.to_mouth_coordinates(*points[faces.CHIN, :2, None])[1][0])
        self._nose = float(lips.to_mouth_coordinates(*points[2, :2, None])[1][0])
        profile = (1 - lips.positions**2) ** 0.8
        gap_px = max(MAX_GAP * self._height, min(1.0 * lips.gap_px, 0.16 * self._height))
        gap = lips.lower - lips.upper
        closing = np.minimum(_CLOSING_UPPER_SHARE * gap, _MAX_CLOSING_UPPER * self._height)
        if light.is_drawing:  # a drawn mouth shuts to its middle line
            closing = 0.5 * gap
        self._opening = gap_px * profile
        self._corner_px = _CORNER_DROP * gap_px
        self._shut_upper = closing
        self._shut_lower = closing - gap
        self._gap = np.zeros_like(gap) if light.is_drawing else gap
        seam = lips.upper + closing
        self._level = -_ROUND_LEVEL * (seam - seam[len(seam) // 2])
        self.jaw_px = (1 - _UPPER_SHARE) * gap_px
        self.shut_px = float(np.min(self._shut_lower))
        width = 2 * lips.half_px / self._height if lips.is_open and not light.is_drawing else 0.0
        self._smile = float(np.clip((width - _NO_SMILE) / (_FULL_SMILE - _NO_SMILE), 0, 1))
        self._profile = np.asarray(profile, np.float32)
        self.fade = _build_face_fade(points, lips, axes, across, down, corner, self._chin)

    def _compute_jaw_weight(self, down: Floats) -> Floats:
        """Return each position's share of the jaw's motion: 0 at the nose, largest at the chin."""
        along = smoothstep(down, -0.05 * self._height, 0.60 * self._chin)
        return _CHIN_SHARE * along * (1 - 0.85 * smoothstep(np.abs(self._across), 0.9, 2.4))

    def build_upper_layer(self) -> Floats:
        """Return the upper layer's fields, float32 (7, h, w, 2), ordered as `Pose.to_weights`."""
        lips, height = self._lips, self._height
        edge = lips.sample(lips.upper, self._across)
        thickness = np.maximum(
            edge - lips.sample(lips.outer_upper, self._across), _MIN_LIP * height
        )
        away = edge - self._down  # upwards from the lip's edge
        near = 1 - smoothstep(away, 0.4 * thickness, max(edge.max() - self._nose, 0.07 * height))
        bulge = smoothstep(away, 0.0 * thickness, thickness)
        bulge *= 1 - smoothstep(away, thickness, thickness + 0.07 * height)
        profile = lips.sample(self._profile, self._across)
        press = _PRESS * height * profile
        relaxed = 0.5 * _SHUT_FULLER * lips.sample(self._gap, self._across)
        opening = -_UPPER_SHARE * self._opening
        return self._stack_fields(
            self._follow_edge(opening, edge, near, self.jaw_px, self._corner_px),
            self._follow_edge(self._shut_upper, edge, near, self.shut_px, 0.0) - relaxed * bulge,
            np.zeros_like(edge),
            -_ROUND_FULLER * thickness * bulge,
            press * near + _PRESSED_THINNER * thickness * bulge * profile,
            -_TEETH_RISE * height * profile * near,
        )

    def build_lower_layer(self) -> Floats:
        """Return the lower layer's fields, float32 (7, h, w, 2), ordered as `Pose.to_weights`."""
        lips, height = self._lips, self._height
        edge = lips.sample(lips.lower, self._across)
        thickness = np.maximum(
            lips.sample(lips.outer_lower, self._across) - edge, _MIN_LIP * height
        )
        away = self._down - edge  # downwards from the lip's edge
        near = 1 - smoothstep(away, 0.6 * thickness, np.maximum(self._chin - edge, 0.12 * height))
        bulge = smoothstep(away, 0.0 * thickness, thickness)
        bulge *= 1 - smoothstep(away, thickness, thickness + 0.08 * height)
        profile = lips.sample(self._profile, self._across)
        press = -_PRESS * height * profile
        relaxed = _SHUT_FULLER * lips.sample(self._gap, self._across)
        opening = (1 - _UPPER_SHARE) * self._opening
        return self._stack_fields(
            self._follow_edge(opening, edge, near, self.jaw_px, self._corner_px),
            self._follow_edge(self._shut_lower, edge, near, self.shut_px, 0.0) + relaxed * bulge,
            -_OVERLAP * height * profile * near,
            _ROUND_FULLER * thickness * bulge,
            press * near - _PRESSED_THINNER * thickness * bulge * profile,
            0.5 * _TEETH_RISE * height * profile * near,
        )

    def _follow_edge(
        self, edge_px: Floats, edge: Floats, near: Floats, jaw_px: float, corner_px: float
    ) -> Floats:
        """Return the downward motion when the lip's edge moves by `edge_px`, the jaw by `jaw_px`.

        At and beyond the corners only the jaw's smooth motion remains, equal in both layers.
        """
        profile = self._lips.sample(self._profile, self._across)
        target_px = self._lips.sample(edge_px, self._across) + (1 - profile) * corner_px
        remaining_px = target_px - self._compute_jaw_weight(edge) * jaw_px
        remaining_px *= 1 - smoothstep(np.abs(self._across), 1.0, 1.5)
        return np.asarray(
            self._compute_jaw_weight(self._down) * jaw_px + remaining_px * near, np.float32
        )

    def _stack_fields(
        self,
        opening: Floats,
        shut: Floats,
        touch: Floats,
        fuller: Floats,
        press: Floats,
        teeth: Floats,
    ) -> Floats:
        """Convert the seven fields to directions of the frame, faded out beside the face."""
        lips, height, across = self._lips, self._height, self._across
        tall = np.where(self._down < 0, min(self._nose, -0.06 * height), 0.9 * self._chin)
        soft = 1 - smoothstep((self._down / tall).astype(np.float32), 0.4, 1.0)
        soft *= 1 - smoothstep(np.abs(across), 0.95, 2.2)
        limited = across / (1 + across**6) ** (1 / 6)  # nearly constant beyond the corners
        half = lips.to_along(limited.astype(np.float32)) - lips.middle_px
        rise = -_SPREAD_RISE * height * np.clip(np.abs(across), 0, 1) ** 2
        level = lips.sample(self._level, across) * soft
        fuller = fuller * soft * (1 - smoothstep(np.abs(across), 0.75, 1.02))
        zeros = np.zeros_like(across)
        components = (
            (zeros, opening),
            (-_SMILE_NARROWER * half * soft * self._smile, shut + 0.4 * level * self._smile),
            (zeros, touch),
            (-_ROUND_NARROWER * half * soft, fuller + level),
            (_SPREAD_WIDER * half * soft, rise * soft - 0.4 * fuller),
            (zeros, press),
            (zeros, teeth),
        )
        moved = [dx[..., None] * lips.right + dy[..., None] * lips.down for dx, dy in components]
        return (np.stack(moved) * self.fade[None, ..., None]).astype(np.float32)


def _build_face_fade(
    points: Floats,
    lips: Lips,
    axes: FaceAxes,
    across: Floats,
    down: Floats,
    corner: tuple[int, int],
    chin: float,
) -> Floats:
    """Return 1 on the face, 0 on the background, fading over the neck, float32 (h, w)."""
    height = axes.height_px
    rows, columns = down.shape
    hull = cv2.convexHull(points[:, :2].astype(np.float32))[:, 0] - np.asarray(corner)
    outside = np.full((rows, columns), 255, np.uint8)
    cv2.fillPoly(outside, [np.round(hull).astype(np.int32)], 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5).astype(np.float32)
    face = 1 - smoothstep(distance, 0, 0.085 * axes.size_px)
    neck = 1 - smoothstep(down, chin, chin + 0.26 * height)
    neck *= 1 - smoothstep(np.abs(across * lips.half_px), 0.17 * height, 0.34 * height)
    neck *= smoothstep(down, 0.3 * chin, 0.9 * chin)
    fade = np.maximum(face, neck)
    return np.asarray(cv2.GaussianBlur(fade, (0, 0), 0.012 * axes.size_px), np.float32)
