"""Moving mouth: an upper and a lower layer of the picture, and the inside between them.

Each layer is the whole lower face, displaced so that its own lip follows the curves; the upper one
lies over the lower one, so that closed lips touch without a slit. Displacements are in the mouth's
own coordinates (see `lips`); lengths are shares of the face's height.
"""

import cv2
import numpy as np

from inference.draft.face.axes import FaceAxes
from inference.draft.face.fields import MAX_GAP, MouthFields, build_face_cover
from inference.draft.face.light import Light
from inference.draft.face.lips import Lips
from inference.draft.face.pose import Pose
from inference.draft.face.skin import extract_creases
from inference.draft.face.teeth import build_interior
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

# Of the light in the mouth, taken by lips close by: less of the red, which they reflect.
_LIP_SHADE = np.asarray([0.68, 0.79, 0.85], np.float32)
_LOWER_SHADE = 0.55  # of the upper lip's shade


class Mouth:
    """Lower face of one person, drawn in any `Pose`.

    `area` is the part of the frame that it draws over: left, top, right, bottom.
    """

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes, light: Light) -> None:
        lips = Lips(frame, points, axes, light)
        height, width = frame.shape[:2]
        self.area = left, top, right, bottom = _compute_area(points, axes, width, height)
        self._source = frame[top:bottom, left:right].astype(np.float32)
        x, y = build_pixel_grid(left, top, right, bottom)
        across, down = lips.to_mouth_coordinates(x, y)
        open_sides = (left == 0, top == 0, right == width, bottom == height)
        face = build_face_cover(points, lips, axes, across, down, (left, top))
        fields = MouthFields(lips, points, axes, across, down, face.free)
        border = build_border_fade(right - left, bottom - top, 8, open_sides)
        motion, neck = ((c * border)[..., None] for c in (face.motion, face.neck))
        step_px = max(1, min(4, round(axes.size_px / 65)))
        lower = fields.build_lower_layer()
        self._upper_warp = Warp(fields.build_upper_layer() * motion, step_px)
        self._lower_warp = Warp(lower * motion, step_px)
        shut = Warp(lower[1:2] * neck, step_px)
        self._neck = remap(self._source, shut.compute_source_map([1.0]), smooth=True)
        self._jaw_cover = face.jaw
        self._creases = extract_creases(self._source, face.motion, lips, light, across, down)
        self._smile = fields.smile
        edge_px = max(1.0, 0.007 * axes.height_px)
        upper_mask = _build_upper_mask(lips, across, down, edge_px)
        self._hole_mask = _build_hole_mask(lips, across, down, edge_px)
        self._jaw_open = lips.down * fields.jaw_px
        self._interior = build_interior(frame, lips, light, self.area)
        line = _build_contact_line(lips, across, down) * self._interior.line_strength
        self._upper_cover = np.stack([upper_mask, line], -1)
        self._shadow_px = max(0.8, 0.016 * axes.height_px)
        self._upper_rows, self._lower_rows = self._find_rows(lips)
        below_chin = np.flatnonzero((face.jaw < 0.998).any(1))
        self._chin_row = int(below_chin[0]) if len(below_chin) else bottom - top

    def _find_rows(self, lips: Lips) -> tuple[int, int]:
        """Return the first row the lower layer can reach, and the end of the upper layer's rows."""
        inside = np.flatnonzero(
            (self._upper_cover[..., 0] > 0).any(1) & (self._upper_cover[..., 0] < 1).any(1)
        )
        reach = int((MAX_GAP * 1.6) * lips.height_px)
        height = self._source.shape[0]
        return max(0, int(inside[0]) - reach // 2), min(height, int(inside[-1]) + 1 + reach)

    def compute_lower_source(self, pose: Pose) -> Floats:
        """Return the source of each pixel of the lower layer, x, y in the area: (h, w, 2)."""
        return self._lower_warp.compute_source_map(pose.to_weights())

    def draw(self, canvas: Pixels, pose: Pose) -> None:
        """Draw the lower face into the canvas, RGB uint8 (h, w, 3), in place."""
        left, top, right, bottom = self.area
        weights = pose.to_weights()
        upper = self._upper_warp.compute_source_map(weights)
        lower = self.compute_lower_source(pose)
        first, end = self._upper_rows, self._lower_rows
        relaxation = _compute_relaxation(pose, self._smile)
        source = self._source - self._creases * relaxation if relaxation else self._source
        over = remap(source, upper[:end], smooth=True)
        under = remap(source, lower[first:], smooth=True)
        self._cover_neck(under[max(0, self._chin_row - first) :], lower)
        jaw = self._jaw_open * weights[0]
        band = under[: end - first]
        maps = (upper[first:end], lower[first:end])
        self._blend(over[first:], band, maps, (jaw, first), max(0.3, weights[2]))
        drawn = np.concatenate([over[:first], under])
        canvas[top:bottom, left:right] = np.clip(drawn + 0.5, 0, 255)

    def _cover_neck(self, under: Floats, lower_map: Floats) -> None:
        """Put the neck, which stays, behind the chin in the last rows of the lower layer."""
        rows = len(under)
        if rows == 0:  # the frame ends at the chin
            return
        cover = remap(self._jaw_cover, lower_map[-rows:])[..., None]
        under += (self._neck[-rows:] - under) * (1 - cover)

    def _blend(
        self,
        over: Floats,
        under: Floats,
        maps: tuple[Floats, Floats],
        jaw: tuple[Floats, int],
        line_weight: float,
    ) -> None:
        """Blend the inside of the mouth and then the upper layer into `under`, in place."""
        upper_map, lower_map = maps
        cover, line = cv2.split(remap(self._upper_cover, upper_map))
        hole = remap(self._hole_mask, lower_map)
        visible = np.argwhere(hole * (1 - cover) > 0.004)
        if len(visible):
            (y0, x0), (y1, x1) = visible.min(0), visible.max(0) + 1
            box = np.s_[y0:y1, x0:x1]
            inside = self._interior.render(jaw[0], int(x0), int(y0) + jaw[1], x1 - x0, y1 - y0)
            lips = np.maximum(cover[box], _LOWER_SHADE * (1 - hole[box]))
            shadow = cv2.GaussianBlur(lips, (0, 0), self._shadow_px)[..., None]
            inside *= 1 - _LIP_SHADE * shadow
            under[box] += (inside - under[box]) * hole[box][..., None]
        under += (self._interior.line_colour - under) * (line_weight * line[..., None])
        under += (over - under) * cover[..., None]


def _compute_relaxation(pose: Pose, smile: float) -> float:
    """Return the share of the creases that is gone in the pose, 0 to 1."""
    return smile * min(0.9, 0.35 * pose.speaking + 0.85 * pose.rounding + 0.2 * pose.opening)


def _compute_area(
    points: Floats, axes: FaceAxes, width: int, height: int
) -> tuple[int, int, int, int]:
    """Return the area that a moving jaw can reach, within the frame: left, top, right, bottom."""
    margin = 0.10 * axes.size_px
    low, high = points[:, :2].min(0) - margin, points[:, :2].max(0) + margin
    top = float(points[faces.NOSE_BRIDGE, 1])
    return (
        max(0, int(low[0])),
        max(0, int(min(max(low[1], top), height - 8))),
        min(width, int(high[0])),
        min(height, int(high[1] + 0.30 * axes.size_px)),
    )


def _build_upper_mask(lips: Lips, across: Floats, down: Floats, edge_px: float) -> Floats:
    """Return 1 above the upper lip's edge and its level continuation, float32 (h, w)."""
    edge = lips.sample(lips.upper, across) - 0.5 * edge_px * (np.abs(across) < 1)
    return np.asarray(np.clip(0.5 - (down - edge) / edge_px, 0, 1), np.float32)


def _build_hole_mask(lips: Lips, across: Floats, down: Floats, edge_px: float) -> Floats:
    """Return 1 above the lower lip's edge between the corners, 0 elsewhere, float32 (h, w)."""
    edge = lips.sample(lips.lower, across) + 0.5 * edge_px
    above = np.clip(0.5 - (down - edge) / edge_px, 0, 1)
    between = 1 - smoothstep(np.abs(across), 0.75, 1.0)
    return np.asarray(above * between, np.float32)


def _build_contact_line(lips: Lips, across: Floats, down: Floats) -> Floats:
    """Return the dark line under the upper lip's edge, 0 to 1, float32 (h, w)."""
    below = down - lips.sample(lips.upper, across)
    width = max(0.8, 0.005 * lips.height_px)
    line = np.exp(-(((below - 0.3 * width) / width) ** 2))
    return np.asarray(line * (1 - smoothstep(np.abs(across), 0.75, 1.0)), np.float32)
