"""Watermark of drafts: the word "draft" in a small pill, in a corner free of faces."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.draft.face.warp import Floats, Pixels

_TEXT = "draft"
_TEXT_PX = 14
_MARGIN_PX = 12  # from the frame's edges
_PADDING_X_PX, _PADDING_Y_PX = 9, 4
_PILL_COLOUR, _PILL_OPACITY = 16.0, 0.58  # grey level and opacity
_TEXT_COLOUR, _TEXT_OPACITY = 255.0, 0.92
_SUPERSAMPLING = 4

Edges = tuple[float, float, float, float]


class Watermark:
    """Watermark for one frame size, rendered once and drawn into every frame."""

    def __init__(self, width: int, height: int, faces: Sequence[Edges] = ()) -> None:
        """`faces` are boxes (left, top, right, bottom) in the frame, kept free if possible."""
        colour, self._cover = _render_pill()
        self._colour = colour * self._cover
        rows, columns = self._cover.shape[:2]
        left, top = _choose_corner(width, height, columns, rows, faces)
        self.box = (left, top, left + columns, top + rows)

    def draw(self, canvas: Pixels) -> None:
        """Blend the watermark into the canvas, RGB uint8 (h, w, 3), in place."""
        left, top, right, bottom = self.box
        under = canvas[top:bottom, left:right]
        mixed = under * (1 - self._cover) + self._colour
        canvas[top:bottom, left:right] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _render_pill() -> tuple[Floats, Floats]:
    """Render the watermark: grey levels and opacities, each float32 (h, w, 1)."""
    font = ImageFont.load_default(_TEXT_PX * _SUPERSAMPLING)
    box = font.getbbox(_TEXT)
    scale = _SUPERSAMPLING
    columns = int(box[2] - box[0]) + 2 * _PADDING_X_PX * scale
    rows = (_TEXT_PX + 2 * _PADDING_Y_PX) * scale
    columns += -columns % scale
    pill = Image.new("L", (columns, rows), 0)
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, columns - 1, rows - 1), rows // 2, 255)
    text = Image.new("L", (columns, rows), 0)
    ImageDraw.Draw(text).text((columns / 2, rows / 2), _TEXT, 255, font, anchor="mm")
    inner = (columns // scale, rows // scale)
    pill_cover = cv2.resize(np.asarray(pill, np.float32) / 255, inner, interpolation=cv2.INTER_AREA)
    text_cover = cv2.resize(np.asarray(text, np.float32) / 255, inner, interpolation=cv2.INTER_AREA)
    word = text_cover * _TEXT_OPACITY
    cover = word + (1 - word) * pill_cover * _PILL_OPACITY
    level = _TEXT_COLOUR * word + (1 - word) * pill_cover * _PILL_OPACITY * _PILL_COLOUR
    colour = level / np.maximum(cover, 1e-6)
    return colour[..., None].astype(np.float32), cover[..., None].astype(np.float32)


def _choose_corner(
    width: int, height: int, columns: int, rows: int, faces: Sequence[Edges]
) -> tuple[int, int]:
    """Return left and top of the watermark in the corner where it covers the least of the faces.

    Of equal corners an upper one is chosen: the controls of a player lie at the bottom.
    """
    right, bottom = width - columns - _MARGIN_PX, height - rows - _MARGIN_PX
    corners = ((_MARGIN_PX, _MARGIN_PX), (right, _MARGIN_PX), (_MARGIN_PX, bottom), (right, bottom))

    def covered_area(corner: tuple[int, int]) -> float:
        left, top = corner
        total = 0.0
        for face in faces:
            across = min(left + columns, face[2]) - max(left, face[0])
            down = min(top + rows, face[3]) - max(top, face[1])
            total += max(0.0, across) * max(0.0, down)
        return total

    return min(corners, key=covered_area)
