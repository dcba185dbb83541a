"""Displacement fields of the skin around a speaking mouth, in an upper and a lower layer.

Each layer is the whole lower face, displaced so that its own lip follows the pose; beyond the
corners both layers move alike. Constants are shares of the face's height unless noted otherwise.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from inference.draft.face.axes import FaceAxes
from inference.draft.face.lips import Lips
from inference.draft.face.warp import Floats, smoothstep
from inference.media import faces

Corner = tuple[int, int]

MAX_GAP = 0.115  # between the lips at opening 1
_UPPER_SHARE = 0.16  # of the opening is the upper lip's; the rest is the jaw's
_CHIN_SHARE = 0.78  # of the lower lip's motion is the chin's
_CORNER_DROP = 0.14  # of the opening: motion of the corners with the jaw
_OPEN_NARROWER = 0.08  # of the mouth's width: a falling jaw draws the corners in
# A smile's share of the mouth's width and of the bow of its line that goes in silence and, besides,
# in speech.
_SMILE_NARROWER, _SMILE_LEVEL = (0.08, 0.10), (0.3, 0.25)
_NO_SMILE, _FULL_SMILE = 0.30, 0.38  # widths of open mouths
_NO_BOW, _FULL_BOW = 0.05, 0.16  # of the line of the lips, in half mouth widths
_SHUT_FULLER = 0.12  # of the gap: closing lips relax
_OVERLAP = 0.006  # of the lower lip under the upper one when shut
_PRESS = 0.004  # inward motion of each lip's edge when pressed (B, P, M)
_PRESSED_THINNER = 0.15  # of each lip's thickness
_ROUND_NARROWER = 0.38  # of the width of the mouth without its smile
_ROUND_MIDDLE = 0.5  # of this motion is the middle's: lips purse from their corners
_ROUND_LEVEL = 0.45  # of a smile's bow in the line of the lips is removed
_ROUND_FORWARD = 0.025  # motion of the lips out of the face; seen where it is turned
_ROUND_FULLER = 0.16  # of each lip's thickness
_SPREAD_WIDER = 0.12
_SPREAD_RISE = 0.012
_TEETH_RISE = 0.008  # lips draw back to show the teeth (S, F, E)
# Beside the mouth, in `across`: the skin follows the corners to here, and not at all from here on.
_FOLD, _CHEEK = 1.0, 2.4
_RIM = 0.14  # of the face's size: so far inside its outline, which stays, the skin is free to move
_MIN_LIP = 0.02  # thickness used where the picture shows almost no lip


class MouthFields:
    """Displacement fields of both layers, one for each weight of a `Pose`."""

    def __init__(
        self,
        lips: Lips,
        points: Floats,
        axes: FaceAxes,
        across: Floats,
        down: Floats,
        free: Floats,
    ) -> None:
        """`free` is `FaceCover.free`; the other arrays hold the coordinates of the same pixels."""
        self._lips, self._across, self._down, self._free = lips, across, down, free
        self._height = axes.height_px
        self._forward = -axes.away[:2] * axes.size_px
        self._chin = float(lips.to_mouth_coordinates(*points[faces.CHIN, :2, None])[1][0])
        self._nose = float(lips.to_mouth_coordinates(*points[2, :2, None])[1][0])
        profile = (1 - lips.positions**2) ** 0.8
        gap_px = max(MAX_GAP * self._height, min(1.0 * lips.gap_px, 0.16 * self._height))
        self._opening = gap_px * profile
        self._corner_px = _CORNER_DROP * gap_px
        self._shut_upper = lips.seam - lips.upper
        self._shut_lower = lips.seam - lips.lower
        self._gap = lips.lower - lips.upper
        middle_px = float(lips.seam[len(lips.seam) // 2])
        self._level = middle_px - lips.seam
        self.jaw_px = (1 - _UPPER_SHARE) * gap_px
        self._shut_px = float(np.min(self._shut_lower))
        width = 2 * lips.half_px / self._height if lips.is_open else 0.0
        bow = middle_px / lips.half_px
        self.smile = float(
            max(
                np.clip((width - _NO_SMILE) / (_FULL_SMILE - _NO_SMILE), 0, 1),
                np.clip((bow - _NO_BOW) / (_FULL_BOW - _NO_BOW), 0, 1),
            )
        )
        self._profile = np.asarray(profile, np.float32)

    def _compute_jaw_weight(self, down: Floats) -> Floats:
        """Return each position's share of the jaw's motion: 0 at the nose, largest at the chin."""
        along = smoothstep(down, -0.05 * self._height, 0.60 * self._chin)
        return _CHIN_SHARE * along * (1 - 0.85 * smoothstep(np.abs(self._across), 0.9, 2.4))

    def build_upper_layer(self) -> Floats:
        """Return the upper layer's fields, float32 (8, h, w, 2), ordered as `Pose.to_weights`."""
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
            self._follow_edge(self._shut_upper, edge, near, self._shut_px, 0.0) - relaxed * bulge,
            np.zeros_like(edge),
            -_ROUND_FULLER * thickness * bulge,
            press * near + _PRESSED_THINNER * thickness * bulge * profile,
            -_TEETH_RISE * height * profile * near,
        )

    def build_lower_layer(self) -> Floats:
        """Return the lower layer's fields, float32 (8, h, w, 2), ordered as `Pose.to_weights`."""
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
            self._follow_edge(self._shut_lower, edge, near, self._shut_px, 0.0) + relaxed * bulge,
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
        """Convert the fields to directions of the frame, softer towards nose, chin and cheeks.

        The skin moves with the corners as far as the folds beside them, and less behind these.
        """
        lips, height, across = self._lips, self._height, self._across
        tall = np.where(self._down < 0, min(self._nose, -0.06 * height), 0.9 * self._chin)
        soft = 1 - smoothstep((self._down / tall).astype(np.float32), 0.2, 1.15)
        soft *= self._free * (1 - smoothstep(np.abs(across), _FOLD, _CHEEK))
        limited = across / (1 + across**6) ** (1 / 6)  # nearly constant beyond the corners
        half = (lips.to_along(limited.astype(np.float32)) - lips.middle_px) * soft
        rise = -_SPREAD_RISE * height * np.clip(np.abs(across), 0, 1) ** 2
        level = lips.sample(self._level, across) * soft
        rest, speech = (
            (-narrower * self.smile * half, share * self.smile * level)
            for narrower, share in zip(_SMILE_NARROWER, _SMILE_LEVEL, strict=True)
        )
        rounder = _ROUND_NARROWER * (1 - self.smile * sum(_SMILE_NARROWER)) * half
        rounder *= _ROUND_MIDDLE + (1 - _ROUND_MIDDLE) * np.minimum(across**2, 1)
        fuller = fuller * soft * (1 - smoothstep(np.abs(across), 0.75, 1.02))
        zeros = np.zeros_like(across)
        components = (
            (-_OPEN_NARROWER * half, opening),
            (rest[0], shut + rest[1]),
            (zeros, touch),
            (-rounder, fuller + _ROUND_LEVEL * level),
            (_SPREAD_WIDER * half, rise * soft - 0.4 * fuller),
            (zeros, press),
            (zeros, teeth),
            speech,
        )
        moved = [dx[..., None] * lips.right + dy[..., None] * lips.down for dx, dy in components]
        lip = soft * (1 - smoothstep(np.abs(across), 0.6, 1.8))
        moved[3] += _ROUND_FORWARD * lip[..., None] * self._forward
        return np.stack(moved).astype(np.float32)


@dataclass(frozen=True)
class FaceCover:
    """Shares of a moving face in the picture around it, 0 to 1, float32 (h, w) each.

    `motion` is the share of the fields that each place follows. Below the chin all of it is drawn
    over the neck, where `jaw` is above 0. `neck` is the share for a mouth that is shut for good.
    `free` is how far the skin moves sideways: not at the face's outline.
    """

    motion: Floats
    jaw: Floats
    neck: Floats
    free: Floats


def build_face_cover(
    points: Floats, lips: Lips, axes: FaceAxes, across: Floats, down: Floats, corner: Corner
) -> FaceCover:
    """Build the covers of the area that begins at `corner` (x, y) of the frame."""
    height, size = axes.height_px, axes.size_px
    chin = float(lips.to_mouth_coordinates(*points[faces.CHIN, :2, None])[1][0])
    hull = cv2.convexHull(points[:, :2].astype(np.float32))[:, 0] - np.asarray(corner)
    inside = np.zeros(down.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(hull).astype(np.int32)], 255)
    distance, within = (
        cv2.distanceTransform(place, cv2.DIST_L2, 5).astype(np.float32)
        for place in (255 - inside, inside)
    )
    middle = 1 - smoothstep(np.abs(across * lips.half_px), 0.17 * height, 0.34 * height)
    below = middle * smoothstep(down, 0.55 * chin, 0.9 * chin)
    face = 1 - smoothstep(distance, 0, 0.085 * size)
    under = 1 - smoothstep(distance, 0.05 * size, 0.18 * size)
    neck = middle * (1 - smoothstep(down, chin, chin + 0.26 * height))
    neck *= smoothstep(down, 0.3 * chin, 0.9 * chin)
    motion = face + below * (under - face)
    jaw = 1 - below * smoothstep(distance, 0.005 * size, 0.03 * size)
    covers = np.dstack([motion, jaw, np.maximum(face, neck), smoothstep(within, 0, _RIM * size)])
    soft = cv2.GaussianBlur(covers, (0, 0), 0.012 * size)
    return FaceCover(*np.ascontiguousarray(np.moveaxis(soft, -1, 0), np.float32))
