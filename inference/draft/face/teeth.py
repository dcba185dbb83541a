"""Inside of the mouth between open lips: teeth, tongue and the dark behind them.

The upper teeth stay with the head, lower teeth and tongue move with the jaw. What the picture shows
of either is used. Otherwise the lower edge of the upper teeth is drawn, as most speakers show it,
and a tongue behind lower teeth, in the light and sharpness of the picture.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from inference.draft.face.light import Light
from inference.draft.face.lips import Lips
from inference.draft.face.warp import Floats, Pixels, build_pixel_grid, remap, smoothstep

# Lengths are shares of the face's height.
_TOOTH_EDGE = 0.021  # of the middle teeth below the line of the closed lips
# Half widths of teeth as seen from the front, in half mouth widths, from the usual 8.5 : 6.5 : 7.5
# : 7 mm of upper teeth (central incisor to first premolar) and 5 : 5.5 : 6.5 : 7 mm of lower ones,
# seen on an arch.
_UPPER_BORDERS = (0.0, 0.21, 0.37, 0.51, 0.62, 0.71)
_LOWER_BORDERS = (0.0, 0.12, 0.25, 0.38, 0.49)
_LOWER_RISE = 0.006  # of the lower teeth above the lower lip of a shut mouth
_LOWER_TONE, _ROOT_SHADE = 0.82, 0.27  # of the upper teeth's brightness; of it, less at the lip
_LIP_LEAD = 0.12  # of the jaw's motion: a falling lower lip bares the lower teeth
_TONGUE_RISE, _TONGUE_HALF = 0.048, 0.62  # above the lower lip; half width, in half mouth widths
_TONGUE_TONE = 0.72  # of the brightness of a tongue in full light
_FLOOR_DEPTH = (0.015, 0.045)  # of the picture's inside under the teeth, until all of it is used
_MAX_BLUE = 1.1  # of green, beside teeth: nothing in a mouth is blue or purple
_TONGUE_SHADOW = 0.022  # height of its front that lies in the shadow of teeth and lip
_MIN_TOOTH_CONTRAST = 25.0  # levels of green between teeth and tongue, gums or dark
_MAX_TOP_SHADOW = 0.5  # of the gap: the upper lip's shadow on the teeth
_MIN_TOOTH_COLUMNS = 0.3  # of the middle half of the mouth, for any teeth to be there
_OWN_EDGE = 0.10  # of the gap: teeth end so far above and below their row's curve
_TOOTH_WIDTH = 0.012  # scale on which a row of teeth is one surface
# Teeth are set off by this much more than in the picture, and by less than this share of their
# brightness: the mouth of a small face is soft.
_BORDER_GAIN, _MAX_BORDER = 0.7, 0.08
_TOOTH_COVER = 0.9  # from this on, nothing but teeth is seen
_USUAL_TOOTH = 60  # percentile of the upper teeth's colours that the lower ones have
_MIN_TOOTH_SHARE = 0.5  # of the brightness of teeth in the picture's light


@dataclass(frozen=True)
class Interior:
    """Inside of the mouth over the mouth's area: colours float32 (h, w, 3), covers (h, w).

    `skull` (upper teeth) stays with the head; `jaw` (lower teeth, tongue) moves with the jaw, from
    where it is when the lips are shut. Both lie over `cavity`, float32 (3,).
    """

    skull: Floats
    skull_cover: Floats
    jaw: Floats
    jaw_cover: Floats
    cavity: Floats
    line_colour: Floats
    line_strength: float

    def render(self, jaw_shift: Floats, left: int, top: int, width: int, height: int) -> Floats:
        """Render a part of the area, float32 (h, w, 3), with the jaw opened by x, y pixels."""
        shift = (1 - _LIP_LEAD) * jaw_shift
        move = np.asarray([[1, 0, shift[0] - left], [0, 1, shift[1] - top]], np.float32)
        edge = cv2.BORDER_REPLICATE
        jaw = cv2.warpAffine(self.jaw, move, (width, height), borderMode=edge)
        cover = cv2.warpAffine(self.jaw_cover, move, (width, height), borderMode=edge)
        inside = self.cavity + (jaw - self.cavity) * cover[..., None]
        part = np.s_[top : top + height, left : left + width]
        inside += (self.skull[part] - inside) * self.skull_cover[part][..., None]
        return np.asarray(inside, np.float32)


def build_interior(
    frame: Pixels, lips: Lips, light: Light, area: tuple[int, int, int, int]
) -> Interior:
    """Build the inside of the mouth over `area` (left, top, right, bottom) of the frame."""
    left, top, right, bottom = area
    across, down = lips.to_mouth_coordinates(*build_pixel_grid(left, top, right, bottom))
    edge = None
    if lips.is_open:
        tint = frame[top:bottom, left:right] / np.maximum(light.tooth, 1)
        tint[..., 2] = np.minimum(tint[..., 2], _MAX_BLUE * tint[..., 1])
        source = np.asarray(tint * light.tooth, np.float32)
        edge = _find_teeth(frame, lips, light)
    if edge is None:
        skull, cover = _draw_upper_teeth(lips, across, down, light)
    else:
        skull, cover = _extract_teeth(source, edge, lips, across, down)
        if (cover > _TOOTH_COVER).any():
            tooth = np.percentile(skull[cover > _TOOTH_COVER], _USUAL_TOOTH, axis=0)
            light = replace(light, tooth=tooth.astype(np.float32))
    jaw, jaw_cover = _draw_jaw(lips, across, down, light)
    if lips.is_open:
        floor, floor_cover = _extract_floor(source, edge, lips, across, down, (left, top))
        jaw += (floor - jaw) * floor_cover[..., None]
        jaw_cover = np.maximum(jaw_cover, floor_cover)
    line = np.asarray(0.5 * light.cavity + 0.25 * light.tongue, np.float32)
    strength = 0.5 if lips.is_open else 0.1
    return Interior(skull, cover, jaw, jaw_cover, light.cavity, line, strength)


def _draw_upper_teeth(
    lips: Lips, across: Floats, down: Floats, light: Light
) -> tuple[Floats, Floats]:
    """Draw the upper teeth, (h, w, 3), and their cover, (h, w), which fades at the sides."""
    height = lips.height_px
    seam = lips.sample(lips.seam, across)
    distance = np.abs(across)
    arch = 1 - 0.75 * np.clip(distance / 0.8, 0, 1) ** 2
    bottom = np.asarray(seam + _TOOTH_EDGE * height * arch, np.float32)
    nearest = _measure_to_border(distance, _UPPER_BORDERS)
    rounded = np.clip(1 - nearest / 0.07, 0, 1)  # each tooth's corners are rounded
    bottom = np.asarray(bottom - 0.003 * height * rounded**2 * (arch > 0.3), np.float32)
    soft = max(light.blur_px, 0.004 * height)
    cover = 1 - smoothstep(down, bottom - soft, bottom + soft)
    cover *= 1 - smoothstep(distance, 0.60, 0.82)
    tone = 0.92 - 0.45 * smoothstep(distance, 0.15, 0.75)
    tone = tone * (1 - 0.16 * np.clip(1 - nearest / 0.035, 0, 1))
    tone = tone * (0.80 + 0.20 * smoothstep(down, seam - 0.02 * height, bottom))
    grain = _generate_grain(tone.shape, light.noise)
    teeth = light.tooth * tone[..., None] + grain[..., None]
    soft_teeth = cv2.GaussianBlur(teeth, (0, 0), light.blur_px)
    return np.asarray(soft_teeth, np.float32), np.asarray(0.95 * cover, np.float32)


def _find_teeth(frame: Pixels, lips: Lips, light: Light) -> Floats | None:
    """Return the `down` of the lower edge of the upper teeth between open lips, float32 (129,).

    None where the picture shows no upper teeth. Green tells teeth from tongue, gums and lips as
    well as from the dark.
    """
    top, bottom = lips.upper + lips.inset, lips.lower - lips.inset
    shares = np.linspace(0, 1, 33, dtype=np.float32)[:, None]
    down = np.asarray(top + shares * (bottom - top), np.float32)
    positions = lips.to_frame_positions(np.broadcast_to(lips.positions, down.shape), down)
    green = remap(np.ascontiguousarray(frame[..., 1], np.float32), positions)
    middle = green[:, np.abs(lips.positions) < 0.7]
    dark, bright = np.percentile(middle, (5, 95))
    level = _MIN_TOOTH_SHARE * light.tooth[1]
    if bright - dark > _MIN_TOOTH_CONTRAST:
        level = max(0.6 * level, (dark + bright) / 2)
    is_tooth = green > level
    start = is_tooth.argmax(0)
    end = (is_tooth | (np.arange(33)[:, None] <= start)).argmin(0)
    end[(is_tooth | (np.arange(33)[:, None] <= start)).all(0)] = 33
    found = is_tooth.any(0) & (start < 33 * _MAX_TOP_SHADOW)
    if found[32:-32].mean() < _MIN_TOOTH_COLUMNS:
        return None
    reach = end[found] / 33
    weight = np.ones(len(reach))
    for _ in range(4):  # a gap between teeth, or the tongue, reaches further or less far
        fit = np.polynomial.Polynomial.fit(lips.positions[found], reach, 2, w=weight)
        weight = 1 / (1 + ((fit(lips.positions[found]) - reach) / 0.15) ** 2)
    curve = fit(lips.positions)
    own = np.interp(lips.positions, lips.positions[found], reach) - curve
    own = gaussian_filter1d(np.clip(own, -_OWN_EDGE, _OWN_EDGE), 1.5)
    return np.asarray(top + np.clip(curve + own, 0, 1) * (bottom - top), np.float32)


def _extract_teeth(
    source: Floats, edge: Floats, lips: Lips, across: Floats, down: Floats
) -> tuple[Floats, Floats]:
    """Return the picture's upper teeth, extended under the upper lip, and their cover (h, w)."""
    height = lips.height_px
    edge = lips.sample(edge, across)
    margin = max(0.8, 0.006 * height)
    above = down - lips.sample(lips.upper, across) - lips.sample(lips.inset, across)
    side = 1 - smoothstep(np.abs(across), 0.9, 1.0)
    inner = np.clip(np.minimum(above, edge - down) / margin - 0.7, 0, 1) * side
    inner = np.asarray(inner, np.float32)
    spread = 0.02 * height
    weight = np.asarray(cv2.GaussianBlur(inner, (0, 0), spread), np.float32)
    extended = cv2.GaussianBlur(source * inner[..., None], (0, 0), spread)
    extended = extended / np.maximum(weight, 1e-3)[..., None]
    distinct = source + _BORDER_GAIN * _find_borders(source, inner, height)
    skull = extended + (distinct - extended) * inner[..., None]
    cover = smoothstep(weight, 0.03, 0.2) * side
    cover *= 1 - smoothstep(down, edge - margin, edge + margin)
    return skull.astype(np.float32), np.asarray(cover, np.float32)


def _find_borders(source: Floats, inner: Floats, height: float) -> Floats:
    """Return what sets the teeth off against each other along their row, (h, w, 1), in levels."""
    width, grey = _TOOTH_WIDTH * height, source.mean(-1)
    weight = np.maximum(cv2.GaussianBlur(inner, (0, 0), width, sigmaY=0.3), 1e-3)
    border = grey - cv2.GaussianBlur(grey * inner, (0, 0), width, sigmaY=0.3) / weight
    limit = _MAX_BORDER * grey
    return np.asarray(np.clip(border, -limit, limit), np.float32)[..., None]


def _extract_floor(
    source: Floats,
    edge: Floats | None,
    lips: Lips,
    across: Floats,
    down: Floats,
    corner: tuple[int, int],
) -> tuple[Floats, Floats]:
    """Return what the picture shows under the upper teeth, as the jaw holds it when the lips are
    shut, and its cover (h, w). `source` begins at `corner` (x, y) of the frame."""
    height = lips.height_px
    bottom = lips.lower - lips.inset
    deep = bottom - (lips.upper + lips.inset if edge is None else edge)
    depth = np.maximum(lips.sample(deep, across), np.float32(1))
    rise = lips.sample(lips.seam, across) - down
    inside = np.clip(rise, 0.006 * height, 0.9 * depth)
    place = lips.to_frame_positions(across, lips.sample(bottom, across) - inside)
    cover = smoothstep(depth, *(share * height for share in _FLOOR_DEPTH))
    cover *= 1 - smoothstep(np.asarray(rise / depth, np.float32), 0.5, 1.0)
    cover *= 1 - smoothstep(np.abs(across), 0.85, 1.0)
    return remap(source, place - np.asarray(corner, np.float32)), cover


def _draw_jaw(lips: Lips, across: Floats, down: Floats, light: Light) -> tuple[Floats, Floats]:
    """Draw the lower teeth and the tongue behind them, (h, w, 3), and their cover, (h, w)."""
    rise = np.asarray((lips.sample(lips.seam, across) - down) / lips.height_px, np.float32)
    jaw, tongue_cover = _draw_tongue(rise, across, light)
    distance = np.abs(across)
    soft = max(light.blur_px / lips.height_px, 0.004)
    nearest = _measure_to_border(distance, _LOWER_BORDERS)
    edge = _LOWER_RISE - 0.010 * np.clip(distance / 0.5, 0, 1) ** 2
    edge = edge - 0.003 * np.clip(1 - nearest / 0.05, 0, 1) ** 2
    above = np.asarray(rise - edge, np.float32)
    teeth_cover = 1 - smoothstep(above, -soft, soft)
    teeth_cover *= 1 - smoothstep(distance, 0.42, 0.60)
    tone = _LOWER_TONE - 0.45 * smoothstep(distance, 0.1, 0.55)
    tone = tone * (1 - 0.14 * np.clip(1 - nearest / 0.03, 0, 1))
    tone = tone * (1 - _ROOT_SHADE * smoothstep(-above, 0.008, 0.022))
    jaw += (light.tooth * tone[..., None] - jaw) * teeth_cover[..., None]
    cover = np.maximum(tongue_cover, teeth_cover)
    return jaw.astype(np.float32), np.asarray(cover, np.float32)


def _draw_tongue(rise: Floats, across: Floats, light: Light) -> tuple[Floats, Floats]:
    """Draw the tongue, (h, w, 3), and its cover, (h, w); `rise` is above the lower lip.

    It is a mound: in the shadow of teeth in front, lit above, lost in the dark behind.
    """
    aside = np.asarray(np.clip(np.abs(across) / _TONGUE_HALF, 0, 1), np.float32)
    mound = _TONGUE_RISE * np.sqrt(1 - 0.95 * aside**2)
    back = np.asarray(np.clip(rise / mound, 0, 1), np.float32)
    cover = 1 - smoothstep(back, 0.45, 1.0)
    cover *= 1 - smoothstep(aside, 0.6, 1.0)
    tone = _TONGUE_TONE * (1 - 0.7 * back) * (1 - 0.45 * aside**2)
    tone *= 1 - 0.15 * np.exp(-((across / 0.08) ** 2))
    tone *= 0.55 + 0.45 * smoothstep(rise, 0, _TONGUE_SHADOW)
    return np.asarray(light.tongue * tone[..., None], np.float32), np.asarray(cover, np.float32)


def _measure_to_border(distance: Floats, borders: tuple[float, ...]) -> Floats:
    """Return the distance to the nearest border between two teeth, in half mouth widths."""
    return np.asarray(np.abs(distance[..., None] - np.asarray(borders)).min(-1), np.float32)


def _generate_grain(shape: tuple[int, ...], strength: float) -> Floats:
    """Return noise of that strength in levels, always the same."""
    return (np.random.default_rng(0).standard_normal(shape) * strength).astype(np.float32)
