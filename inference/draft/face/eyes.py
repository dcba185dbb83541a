"""Blinks: a lid painted over the eye, with the picture's own lashes at its edge.

Stretching the skin above the eye over it would smear creases and deep shadows. The lid therefore
takes only its colours from the skin around the eye; its lashes are the upper ones, moved down.
"""

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from inference.draft.face.axes import FaceAxes, normalise
from inference.draft.face.drawn import DrawnEye
from inference.draft.face.light import Light
from inference.draft.face.warp import Floats, Pixels, build_pixel_grid, remap, smoothstep
from inference.media import faces

_MIN_OPENING = 0.014  # of the face's height; an eye less open counts as shut
_MIN_WIDTH = 0.07  # of the face's height; a narrower one is turned out of sight
# An eye that looks this much narrower than it is may lie behind the nose: nothing dark shows. This
# is the greatest brightness of an eye, white and pupil, as a share of the skin's around it.
_ASIDE, _MAX_EYE = 0.85, 0.77
_AROUND = 0.03  # of the face's height: width of that skin
_PAST = 0.012  # of the face's height: how far shut lids pass the mesh's edge, which is not exact
_SAMPLES = 65
_EYE_CONTOURS = (
    (faces.LEFT_EYE_UPPER, faces.LEFT_EYE_LOWER, faces.LEFT_BROW_LOWER),
    (faces.RIGHT_EYE_UPPER, faces.RIGHT_EYE_LOWER, faces.RIGHT_BROW_LOWER),
)


class Eyes:
    """Those eyes of one face that can blink: none, one or two."""

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes, light: Light) -> None:
        self._lids: list[_Lid | DrawnEye] = []
        if light.is_drawing:
            contours = [points[list(upper + lower), :2] for upper, lower, _ in _EYE_CONTOURS]
            drawn = [DrawnEye(frame, contour, axes) for contour in contours]
            self._lids += drawn if all(eye.is_found for eye in drawn) else []
        if not self._lids:  # also a drawing whose eyes are no plain shapes
            for upper, lower, brow in _EYE_CONTOURS:
                if _can_blink(frame, points, upper, lower, axes):
                    edges = [points[list(each), :2] for each in (upper, lower, brow)]
                    self._lids.append(_Lid(frame, edges[0], edges[1], edges[2], axes, light.noise))

    def draw(self, canvas: Pixels, shut: float) -> None:
        """Draw the lids into the canvas, RGB uint8 (h, w, 3); `shut` is 0 (unchanged) to 1."""
        if shut > 0.02:
            for lid in self._lids:
                lid.draw(canvas, shut)


def _can_blink(
    frame: Pixels, points: Floats, upper: tuple[int, ...], lower: tuple[int, ...], axes: FaceAxes
) -> bool:
    opening = np.abs((points[list(lower), :2] - points[list(upper), :2]) @ axes.down[:2]).max()
    across = points[upper[-1]] - points[upper[0]]
    width = np.linalg.norm(across[:2])
    if opening < _MIN_OPENING * axes.size_px or width < max(8.0, _MIN_WIDTH * axes.size_px):
        return False
    if width > _ASIDE * np.linalg.norm(across):
        return True
    return not _is_hidden(frame, points[list(upper + lower[::-1]), :2], axes)


def _is_hidden(frame: Pixels, outline: Floats, axes: FaceAxes) -> bool:
    """Return whether the eye in the outline, float32 (n, 2), is no darker than its surroundings."""
    inside = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    if not inside.any():  # beyond the frame
        return True
    reach = 2 * round(_AROUND * axes.size_px) + 1
    around = cv2.dilate(inside, np.ones((reach, reach), np.uint8)) > inside
    brightness = frame.mean(-1)
    level = np.percentile(brightness[inside > 0], (10, 50)).mean()
    return bool(level > _MAX_EYE * np.median(brightness[around]))


class _Lid:
    """Lid of one photographed eye.

    In its own coordinates `along` runs from 0 to 1 between the corners and `down` is in pixels.
    """

    def __init__(
        self,
        frame: Pixels,
        upper: Floats,
        lower: Floats,
        brow: Floats,
        axes: FaceAxes,
        noise: float,
    ) -> None:
        self._size = axes.size_px
        self._axis = normalise(upper[-1] - upper[0])
        self._down = normalise(axes.down[:2])
        self._origin, self._length = upper[0], float(np.linalg.norm(upper[-1] - upper[0]))
        self._to_lid = np.linalg.inv(np.stack([self._axis, self._down], 1)).astype(np.float32)
        margin = 0.05 * self._size
        height, width = frame.shape[:2]
        contour = np.concatenate([upper, lower])
        low = np.clip((contour.min(0) - margin).astype(int), 0, [width - 2, height - 2])
        high = np.clip((contour.max(0) + margin).astype(int) + 1, low + 2, [width, height])
        self._area = int(low[0]), int(low[1]), int(high[0]), int(high[1])
        x, y = build_pixel_grid(*self._area)
        self._along, self._depth = self._to_lid_coordinates(x, y)
        self._top = self._fit_curve(upper)
        self._bottom = np.maximum(self._fit_curve(lower), self._top)
        self._source = frame[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        self._xy = np.stack(build_pixel_grid(0, 0, x.shape[1], x.shape[0]), -1)
        self._skin = self._sample_skin(frame, brow)
        self._lash_px = max(1.0, 0.014 * self._size)
        self._soft_px = max(0.8, 0.006 * self._size)
        grain = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
        self._grain = cv2.GaussianBlur(grain, (0, 0), 0.6)[..., None] * noise

    def draw(self, canvas: Pixels, shut: float) -> None:
        left, top, right, bottom = self._area
        along, depth, soft = self._along, self._depth, self._soft_px
        upper, lower = self._sample(self._top), self._sample(self._bottom)
        past_px = _PAST * self._size
        edge = np.asarray(upper + shut * (lower - upper + past_px), np.float32)
        inside: Floats = smoothstep(along, -0.04, 0.04) - smoothstep(along, 0.96, 1.04)
        # skin from the crease down to the edge
        crease = smoothstep(depth, upper - 3.4 * self._lash_px, upper - 1.4 * self._lash_px)
        lid = crease * (1 - smoothstep(depth, edge - soft, edge + soft)) * inside
        bulge = np.clip((depth - upper) / np.maximum(edge - upper, 1), 0, 1)
        shade = 0.94 + 0.10 * np.sin(np.pi * np.clip(bulge, 0, 1)) - 0.06 * bulge
        paint = self._skin[np.clip(along * (_SAMPLES - 1), 0, _SAMPLES - 1).astype(int)]
        paint = paint * shade[..., None] + self._grain
        # the lashes of the upper lid, moved with its edge
        moved = remap(self._source, self._xy - (edge - upper)[..., None] * self._down)
        lash = np.exp(-(((depth - edge) / self._lash_px) ** 2)) * inside
        lash *= min(1.0, 3 * shut)
        drawn = self._crop(canvas)
        drawn += (paint - drawn) * (lid * min(1.0, 4 * shut))[..., None]
        # as dark, of the skin's hue: the iris below them, which has its own, moved along
        paint = np.maximum(paint, 1)
        level = paint.mean(-1, keepdims=True)
        dark = paint * (moved.mean(-1, keepdims=True) / level) ** (level / paint)
        drawn += (np.minimum(dark, drawn) - drawn) * lash[..., None]
        canvas[top:bottom, left:right] = np.clip(drawn + 0.5, 0, 255).astype(np.uint8)

    def _crop(self, canvas: Pixels) -> Floats:
        left, top, right, bottom = self._area
        return canvas[top:bottom, left:right].astype(np.float32)

    def _to_lid_coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        dx, dy = x - self._origin[0], y - self._origin[1]
        along = (self._to_lid[0, 0] * dx + self._to_lid[0, 1] * dy) / self._length
        return along, self._to_lid[1, 0] * dx + self._to_lid[1, 1] * dy

    def _fit_curve(self, edge: Floats) -> Floats:
        along, down = self._to_lid_coordinates(edge[:, 0], edge[:, 1])
        order = np.argsort(along)
        curve = np.interp(np.linspace(0, 1, _SAMPLES), along[order], down[order])
        return np.asarray(gaussian_filter1d(curve, 2.5, mode="nearest"), np.float32)

    def _sample(self, curve: Floats) -> Floats:
        return np.interp(self._along * (_SAMPLES - 1), np.arange(_SAMPLES), curve).astype(
            np.float32
        )

    def _sample_skin(self, frame: Pixels, brow: Floats) -> Floats:
        """Return smooth skin colours along the eye, from above and below it, float32 (65, 3)."""
        along = np.linspace(0.08, 0.92, _SAMPLES, dtype=np.float32)
        brow_down = float(np.mean((brow - self._origin) @ self._to_lid[1]))
        top = np.interp(along * (_SAMPLES - 1), np.arange(_SAMPLES), self._top)
        bottom = np.interp(along * (_SAMPLES - 1), np.arange(_SAMPLES), self._bottom)
        rows = []
        for share in (0.3, 0.42, 0.54, 0.66):
            rows.append(top + share * (brow_down - top))
        for below in (0.025, 0.035):
            rows.append(bottom + below * self._size)
        down = np.stack(rows).astype(np.float32)
        positions = (
            self._origin
            + (along * self._length)[None, :, None] * self._axis
            + down[..., None] * self._down
        )
        colours = remap(frame.astype(np.float32), positions.astype(np.float32))
        above, below_eye = np.percentile(colours[:4], 65, axis=0), colours[4:].mean(0)
        colour = 0.75 * above + 0.25 * below_eye
        smooth = gaussian_filter1d(colour, _SAMPLES / 5, axis=0, mode="nearest")
        return np.asarray(smooth, np.float32)
