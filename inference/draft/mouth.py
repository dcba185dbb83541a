"""The moving mouth: an upper and a lower layer of the picture, and what shows between them.

Each layer is the whole lower face, displaced so that its own lip goes where the curves say; the
upper one lies over the lower one, so that closed lips touch without a slit. Displacements are in
the mouth's own coordinates (see `lips`); every length is a share of the face's height.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from inference.draft.lips import FaceAxes, Lips
from inference.draft.teeth import Light, build_interior
from inference.draft.warp import Floats, Pixels, Warp, border_fade, pixel_grid, remap, smoothstep
from inference.media import faces

WIDEST_GAP = 0.115  # between the lips at opening 1
_UPPER_SHARE = 0.16  # of the opening is the upper lip's; the jaw does the rest
_CORNER_DROP = 0.10  # of the opening: how far the corners follow the jaw
_CLOSING_UPPER_SHARE = 0.30  # when the picture's open mouth closes
_MAX_CLOSING_UPPER = 0.022
_SHUT_FULLER = 0.12  # of the gap: lips that were drawn apart relax
_OVERLAP = 0.006  # the lower lip goes under the upper one when shut
_TOUCH_OPENING = 0.05  # from this opening on nothing overlaps
_PRESS = 0.004  # each lip's edge moves in when pressed (B, P, M)
_PRESSED_THINNER = 0.15  # of each lip's thickness
_ROUND_NARROWER = 0.40  # of the mouth's width
_ROUND_LEVEL = 0.85  # of the bow that a smile gives the lips' line goes
_ROUND_FULLER = 0.16  # of each lip's thickness
_SPREAD_WIDER = 0.12
_SPREAD_RISE = 0.012
_TEETH_RISE = 0.008  # lips draw back to show the teeth (S, F, E)
_MIN_LIP = 0.02  # thickness used where the picture shows almost no lip


@dataclass(frozen=True)
class Pose:
    """A mouth's state, each 0 to 1: see `inference.draft.speech.MouthCurves`."""

    opening: float
    rounding: float = 0.0
    spreading: float = 0.0
    closure: float = 0.0
    teeth: float = 0.0

    def weights(self) -> tuple[float, ...]:
        """Of the fields of `_Fields`, in its order.

        The second shuts the picture's mouth, the third makes shut lips touch.
        """
        opening = self.opening * (1 - self.closure)
        shown = self.teeth * min(1.0, 4 * opening)
        touching = max(0.0, 1 - opening / _TOUCH_OPENING)
        return opening, 1.0, touching, self.rounding, self.spreading, self.closure, shown


class Mouth:
    """Draws the lower face of one person in any `Pose`."""

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes, light: Light) -> None:
        lips = Lips(frame, points, axes, light.flat)
        height, width = frame.shape[:2]
        self._area = left, top, right, bottom = _area(points, axes, width, height)
        self._source = np.ascontiguousarray(frame[top:bottom, left:right])
        x, y = pixel_grid(left, top, right, bottom)
        across, down = lips.coordinates(x, y)
        open_sides = (left == 0, top == 0, right == width, bottom == height)
        fields = _Fields(lips, light, points, axes, across, down, (left, top))
        fields.fade = fields.fade * border_fade(right - left, bottom - top, 8, open_sides)
        step_px = max(1, min(4, int(axes.size_px / 75)))
        self._upper_warp = Warp(fields.upper_layer(), step_px)
        self._lower_warp = Warp(fields.lower_layer(), step_px)
        edge_px = max(0.7, 0.004 * axes.height_px)
        self._upper_mask = _upper_mask(lips, across, down, edge_px)
        self._hole_mask = _hole_mask(lips, across, down, edge_px)
        self._jaw_open = lips.down * fields.jaw_px
        self._jaw_shut = lips.down * fields.shut_px
        self._flat = light.flat
        self._interior = build_interior(frame, lips, light, self._area)
        self._line = _contact_line(lips, across, down, light.flat) * self._interior.line_strength
        self._shadow_px = max(0.8, 0.012 * axes.height_px)
        self._upper_rows, self._lower_rows = self._rows(lips)

    def _rows(self, lips: Lips) -> tuple[int, int]:
        """First row that the lower layer can touch, and the end of those the upper one can."""
        inside = np.flatnonzero((self._upper_mask > 0).any(1) & (self._upper_mask < 1).any(1))
        reach = int((WIDEST_GAP * 1.6) * lips.height_px)
        height = self._source.shape[0]
        return max(0, int(inside[0]) - reach // 2), min(height, int(inside[-1]) + 1 + reach)

    def draw(self, canvas: Pixels, pose: Pose) -> None:
        """Draw the lower face into the canvas, RGB uint8 (h, w, 3), in place."""
        left, top, right, bottom = self._area
        weights = pose.weights()
        upper = self._upper_warp.source_map(weights)
        lower = self._lower_warp.source_map(weights)
        target = canvas[top:bottom, left:right]
        first, end = self._upper_rows, self._lower_rows
        band = slice(first, end)
        over = remap(self._source, np.ascontiguousarray(upper[:end]), smooth=True)
        under = remap(self._source, np.ascontiguousarray(lower[first:]), smooth=True)
        target[:first] = over[:first]
        target[end:] = under[end - first :]
        jaw = self._jaw_open * weights[0] + self._jaw_shut
        blended = self._blend(
            over[first:].astype(np.float32),
            under[: end - first].astype(np.float32),
            (upper[band], lower[band]),
            (jaw, first),
            1.0 if self._flat else max(0.3, weights[2]),
        )
        target[band] = np.clip(blended + 0.5, 0, 255).astype(np.uint8)

    def _blend(
        self,
        over: Floats,
        under: Floats,
        maps: tuple[Floats, Floats],
        jaw: tuple[Floats, int],
        line_weight: float,
    ) -> Floats:
        """The rows that both layers touch: lower layer, hole with its inside, upper layer."""
        upper_map, lower_map = maps
        cover = remap(self._upper_mask, upper_map)
        hole = remap(self._hole_mask, lower_map)
        where = np.argwhere(hole * (1 - cover) > 0.004)
        if len(where):
            (y0, x0), (y1, x1) = where.min(0), where.max(0) + 1
            box = np.s_[y0:y1, x0:x1]
            inside = self._interior.look(jaw[0], int(x0), int(y0) + jaw[1], x1 - x0, y1 - y0)
            lips = np.maximum(cover[box], 0.6 * (1 - hole[box]))
            shade = 1 - self._interior.shade * cv2.GaussianBlur(lips, (0, 0), self._shadow_px)
            under[box] += (inside * shade[..., None] - under[box]) * hole[box][..., None]
        line = line_weight * remap(self._line, upper_map)[..., None]
        under += (self._interior.line_colour - under) * line
        return under + (over - under) * cover[..., None]


def _area(points: Floats, axes: FaceAxes, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what a moving jaw can touch, within the frame."""
    margin = 0.10 * axes.size_px
    low, high = points[:, :2].min(0) - margin, points[:, :2].max(0) + margin
    top = float(points[faces.NOSE_BRIDGE, 1])
    return (
        max(0, int(low[0])),
        max(0, int(min(max(low[1], top), height - 8))),
        min(width, int(high[0])),
        min(height, int(high[1] + 0.30 * axes.size_px)),
    )


class _Fields:
    """Displacements of both layers for a weight of 1 of each part of a `Pose`."""

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
        self._chin = float(lips.coordinates(*points[faces.CHIN, :2, None])[1][0])
        self._nose = float(lips.coordinates(*points[2, :2, None])[1][0])
        profile = (1 - lips.positions**2) ** 0.8
        gap_px = max(WIDEST_GAP * self._height, min(1.0 * lips.gap_px, 0.16 * self._height))
        gap = lips.lower - lips.upper
        closing = np.minimum(_CLOSING_UPPER_SHARE * gap, _MAX_CLOSING_UPPER * self._height)
        if light.flat:  # a drawn mouth shuts to its middle line
            closing = 0.5 * gap
        self._opening = gap_px * profile
        self._corner_px = _CORNER_DROP * gap_px
        self._shut_upper = closing
        self._shut_lower = closing - gap
        self._gap = np.zeros_like(gap) if light.flat else gap
        seam = lips.upper + closing
        self._level = -_ROUND_LEVEL * (seam - seam[len(seam) // 2])
        self.jaw_px = (1 - _UPPER_SHARE) * gap_px
        self.shut_px = float(np.min(self._shut_lower))
        self._profile = np.asarray(profile, np.float32)
        self.fade = _face_fade(points, lips, axes, across, down, corner, self._chin)

    def _jaw_weight(self, down: Floats) -> Floats:
        """How much of the jaw's way each place goes: 0 at the nose, 1 at the chin, little aside."""
        along = smoothstep(down, -0.05 * self._height, 0.60 * self._chin)
        return along * (1 - 0.65 * smoothstep(np.abs(self._across), 1.1, 2.6))

    def upper_layer(self) -> Floats:
        """Float32 (7, h, w, 2)."""
        lips, height = self._lips, self._height
        edge = lips.at(lips.upper, self._across)
        thickness = np.maximum(edge - lips.at(lips.outer_upper, self._across), _MIN_LIP * height)
        away = edge - self._down  # upwards from the lip's edge
        near = 1 - smoothstep(away, 0.4 * thickness, max(edge.max() - self._nose, 0.07 * height))
        bulge = smoothstep(away, 0.0 * thickness, thickness)
        bulge *= 1 - smoothstep(away, thickness, thickness + 0.07 * height)
        profile = lips.at(self._profile, self._across)
        press = _PRESS * height * profile
        relaxed = 0.5 * _SHUT_FULLER * lips.at(self._gap, self._across)
        opening = -_UPPER_SHARE * self._opening
        return self._stack(
            self._follow(opening, edge, near, self.jaw_px, self._corner_px),
            self._follow(self._shut_upper, edge, near, self.shut_px, 0.0) - relaxed * bulge,
            np.zeros_like(edge),
            -_ROUND_FULLER * thickness * bulge,
            press * near + _PRESSED_THINNER * thickness * bulge * profile,
            -_TEETH_RISE * height * profile * near,
        )

    def lower_layer(self) -> Floats:
        """Float32 (7, h, w, 2)."""
        lips, height = self._lips, self._height
        edge = lips.at(lips.lower, self._across)
        thickness = np.maximum(lips.at(lips.outer_lower, self._across) - edge, _MIN_LIP * height)
        away = self._down - edge  # downwards from the lip's edge
        near = 1 - smoothstep(away, 0.6 * thickness, np.maximum(self._chin - edge, 0.12 * height))
        bulge = smoothstep(away, 0.0 * thickness, thickness)
        bulge *= 1 - smoothstep(away, thickness, thickness + 0.08 * height)
        profile = lips.at(self._profile, self._across)
        press = -_PRESS * height * profile
        relaxed = _SHUT_FULLER * lips.at(self._gap, self._across)
        opening = (1 - _UPPER_SHARE) * self._opening
        return self._stack(
            self._follow(opening, edge, near, self.jaw_px, self._corner_px),
            self._follow(self._shut_lower, edge, near, self.shut_px, 0.0) + relaxed * bulge,
            -_OVERLAP * height * profile * near,
            _ROUND_FULLER * thickness * bulge,
            press * near - _PRESSED_THINNER * thickness * bulge * profile,
            0.5 * _TEETH_RISE * height * profile * near,
        )

    def _follow(
        self, edge_px: Floats, edge: Floats, near: Floats, jaw_px: float, corner_px: float
    ) -> Floats:
        """Downward motion when the lip's edge moves by `edge_px` and the jaw by `jaw_px`.

        At and beyond the corners only the jaw's own smooth motion is left, the same in both layers.
        """
        profile = self._lips.at(self._profile, self._across)
        wanted = self._lips.at(edge_px, self._across) + (1 - profile) * corner_px
        missing = wanted - self._jaw_weight(edge) * jaw_px
        missing *= 1 - smoothstep(np.abs(self._across), 1.0, 1.5)
        return np.asarray(self._jaw_weight(self._down) * jaw_px + missing * near, np.float32)

    def _stack(
        self,
        opening: Floats,
        shut: Floats,
        touch: Floats,
        fuller: Floats,
        press: Floats,
        teeth: Floats,
    ) -> Floats:
        """The seven fields in frame directions, faded out off the face."""
        lips, height, across = self._lips, self._height, self._across
        tall = np.where(self._down < 0, min(self._nose, -0.06 * height), 0.9 * self._chin)
        soft = 1 - smoothstep((self._down / tall).astype(np.float32), 0.4, 1.0)
        soft *= 1 - smoothstep(np.abs(across), 0.95, 2.2)
        held = across / (1 + across**6) ** (1 / 6)  # beyond the corners it goes no further
        half = lips.along(held.astype(np.float32)) - lips.middle_px
        rise = -_SPREAD_RISE * height * np.clip(np.abs(across), 0, 1) ** 2
        nothing = np.zeros_like(across)
        own = (
            (nothing, opening),
            (nothing, shut),
            (nothing, touch),
            (-_ROUND_NARROWER * half * soft, (fuller + lips.at(self._level, across)) * soft),
            (_SPREAD_WIDER * half * soft, rise * soft - 0.4 * fuller * soft),
            (nothing, press),
            (nothing, teeth),
        )
        moved = [dx[..., None] * lips.right + dy[..., None] * lips.down for dx, dy in own]
        return (np.stack(moved) * self.fade[None, ..., None]).astype(np.float32)


def _face_fade(
    points: Floats,
    lips: Lips,
    axes: FaceAxes,
    across: Floats,
    down: Floats,
    corner: tuple[int, int],
    chin: float,
) -> Floats:
    """1 on the face, 0 on the background, falling softly over the neck, float32 (h, w)."""
    height = axes.height_px
    rows, columns = down.shape
    hull = cv2.convexHull(points[:, :2].astype(np.float32))[:, 0] - np.asarray(corner)
    outside = np.full((rows, columns), 255, np.uint8)
    cv2.fillPoly(outside, [np.round(hull).astype(np.int32)], 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5).astype(np.float32)
    face = 1 - smoothstep(distance, 0, 0.075 * axes.size_px)
    neck = 1 - smoothstep(down, chin, chin + 0.36 * height)
    neck *= 1 - smoothstep(np.abs(across * lips.half_px), 0.16 * height, 0.40 * height)
    neck *= smoothstep(down, 0.3 * chin, 0.9 * chin)
    fade = np.maximum(face, neck)
    return np.asarray(cv2.GaussianBlur(fade, (0, 0), 0.012 * axes.size_px), np.float32)


def _upper_mask(lips: Lips, across: Floats, down: Floats, edge_px: float) -> Floats:
    """1 above the upper lip's edge and its level continuation, float32 (h, w); the edge is soft."""
    edge = lips.at(lips.upper, across) - 0.5 * edge_px * (np.abs(across) < 1)
    return np.asarray(np.clip(0.5 - (down - edge) / edge_px, 0, 1), np.float32)


def _hole_mask(lips: Lips, across: Floats, down: Floats, edge_px: float) -> Floats:
    """1 above the lower lip's edge between the corners, float32 (h, w); 0 on the lower lip."""
    edge = lips.at(lips.lower, across) + 0.5 * edge_px
    above = np.clip(0.5 - (down - edge) / edge_px, 0, 1)
    between = 1 - smoothstep(np.abs(across), 0.90, 1.0)
    return np.asarray(above * between, np.float32)


def _contact_line(lips: Lips, across: Floats, down: Floats, drawn: bool) -> Floats:
    """The dark line under the upper lip's edge, 0 to 1, float32 (h, w)."""
    below = down - lips.at(lips.upper, across)
    width = max(0.8, (0.009 if drawn else 0.005) * lips.height_px)
    line = np.exp(-(((below - 0.3 * width) / width) ** 2))
    return np.asarray(line * (1 - smoothstep(np.abs(across), 0.75, 1.0)), np.float32)
