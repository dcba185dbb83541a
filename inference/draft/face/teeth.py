"""Inside of the mouth between open lips: teeth, tongue and the dark behind them.

If the picture shows the inside of the mouth, that is used. Otherwise only the lower edge of the
upper teeth is drawn, as most speakers show it, in the light and sharpness of the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from inference.draft.face.light import Light
from inference.draft.face.lips import Lips
from inference.draft.face.warp import Floats, Pixels, build_pixel_grid, smoothstep

_TOOTH_EDGE = 0.021  # of the middle teeth below the line of the closed lips
_TONGUE_HEIGHT = 0.075  # above the lower lip
# Half widths of upper teeth as seen from the front, in half mouth widths (central incisor to
# first premolar), from the usual 8.5 : 6.5 : 7.5 : 7 mm seen on an arch.
_TOOTH_BORDERS = (0.0, 0.21, 0.37, 0.51, 0.62, 0.71)


@dataclass(frozen=True)
class Interior:
    """Inside of the mouth over the mouth's area: colours float32 (h, w, 3), covers (h, w).

    `skull` (teeth, or the picture's own inside) stays with the head, `jaw` (tongue) moves with the
    jaw; both lie over `cavity`, float32 (3,).
    """

    skull: Floats
    skull_cover: Floats
    jaw: Floats
    jaw_cover: Floats
    cavity: Floats
    line_colour: Floats
    line_strength: float
    shade: float

    def render(self, jaw_shift: Floats, left: int, top: int, width: int, height: int) -> Floats:
        """Render a part of the area, float32 (h, w, 3), with the jaw moved by x, y pixels."""
        move = np.asarray([[1, 0, jaw_shift[0] - left], [0, 1, jaw_shift[1] - top]], np.float32)
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
    source = frame[top:bottom, left:right].astype(np.float32)
    cavity = light.cavity
    if lips.is_open:
        skull, cover, cavity = _extract_inside(source, lips, across, down, light)
    else:
        skull, cover = _draw_teeth(lips, across, down, light)
    tongue, tongue_cover = _draw_tongue(lips, across, down, light)
    if light.is_drawing:
        tongue_cover *= 0
    strength = 0.9 if light.is_drawing else (0.35 if lips.is_open else 0.1)
    line = (
        cavity if light.is_drawing else np.asarray(0.5 * cavity + 0.25 * light.tongue, np.float32)
    )
    shade = 0.1 if light.is_drawing else 0.45
    return Interior(skull, cover, tongue, tongue_cover, cavity, line, strength, shade)


def _draw_teeth(lips: Lips, across: Floats, down: Floats, light: Light) -> tuple[Floats, Floats]:
    """Draw the upper teeth, (h, w, 3), and their cover, (h, w), which fades at the sides."""
    height = lips.height_px
    seam = np.asarray(
        (lips.sample(lips.upper, across) + lips.sample(lips.lower, across)) / 2, np.float32
    )
    distance = np.abs(across)
    arch = 1 - 0.75 * np.clip(distance / 0.8, 0, 1) ** 2
    bottom = np.asarray(seam + _TOOTH_EDGE * height * arch, np.float32)
    side = 1 - smoothstep(distance, 0.60, 0.82)
    if light.is_drawing:
        cover = np.clip(0.5 + (bottom - down), 0, 1) * (1 - smoothstep(distance, 0.74, 0.80))
        return _fill(light.tooth, across), np.asarray(cover, np.float32)
    borders = np.asarray(_TOOTH_BORDERS, np.float32)
    nearest = np.min(np.abs(distance[..., None] - borders), axis=-1)
    rounded = np.clip(1 - nearest / 0.07, 0, 1)  # each tooth's corners are rounded
    bottom = np.asarray(bottom - 0.005 * height * rounded**2 * (arch > 0.3), np.float32)
    soft = max(light.blur_px, 0.004 * height)
    cover = (1 - smoothstep(down, bottom - soft, bottom + soft)) * side
    tone = 0.92 - 0.45 * smoothstep(distance, 0.15, 0.75)
    tone = tone * (1 - 0.16 * np.clip(1 - nearest / 0.035, 0, 1))
    tone = tone * (0.80 + 0.20 * smoothstep(down, seam - 0.02 * height, bottom))
    grain = _generate_grain(tone.shape, light.noise)
    teeth = light.tooth * tone[..., None] + grain[..., None]
    soft_teeth = cv2.GaussianBlur(teeth, (0, 0), light.blur_px)
    return np.asarray(soft_teeth, np.float32), np.asarray(0.95 * cover, np.float32)


def _extract_inside(
    source: Floats, lips: Lips, across: Floats, down: Floats, light: Light
) -> tuple[Floats, Floats, Floats]:
    """Return the picture's own inside, extended under the lips, its cover and dark colour (3,)."""
    height = lips.height_px
    margin = max(0.8, 0.006 * height)
    above = down - lips.sample(lips.upper, across)
    below = lips.sample(lips.lower, across) - down
    side = 1 - smoothstep(np.abs(across), 0.9, 1.0)
    inset = lips.sample(lips.inset, across)  # width of lip within the edges
    inner = np.clip((np.minimum(above, below) - inset) / margin - 0.7, 0, 1) * side
    colours = source[inner > 0.8]
    cavity = light.cavity
    if len(colours):
        dark = np.percentile(colours, 8, axis=0).astype(np.float32)
        cavity = dark if light.is_drawing else np.minimum(dark, 1.6 * light.cavity)
    spread = 0.02 * height
    weight = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), spread)
    extended = cv2.GaussianBlur(source * inner[..., None].astype(np.float32), (0, 0), spread)
    extended = extended / np.maximum(weight, 1e-3)[..., None]
    skull = extended + (source - extended) * inner[..., None]
    cover = smoothstep(weight, 0.03, 0.2) * (1 - smoothstep(-below, -inset, 2 * margin - inset))
    return skull.astype(np.float32), cover.astype(np.float32), cavity.astype(np.float32)


def _draw_tongue(lips: Lips, across: Floats, down: Floats, light: Light) -> tuple[Floats, Floats]:
    """Draw a hint of tongue above the lower lip, (h, w, 3), and its cover, (h, w)."""
    rise = (lips.sample(lips.lower, across) - down) / (_TONGUE_HEIGHT * lips.height_px)
    cover = 1 - smoothstep(rise, 0.45, 1.0)
    cover *= 1 - smoothstep(np.abs(across), 0.35, 0.75)
    tone = 0.55 + 0.35 * np.clip(rise, 0, 1)
    return (light.tongue * tone[..., None]).astype(np.float32), np.asarray(0.7 * cover, np.float32)


def _fill(colour: Floats, like: Floats) -> Floats:
    return np.broadcast_to(colour, (*like.shape, 3)).astype(np.float32)


def _generate_grain(shape: tuple[int, ...], strength: float) -> Floats:
    """Return noise of that strength in levels, always the same."""
    return (np.random.default_rng(0).standard_normal(shape) * strength).astype(np.float32)
