"""Mouth and eyes of a drawn face, which are plain shapes on plain skin.

Warping them would bend the outline of the face along and leave the mouth without an inside. A drawn
mouth is therefore taken off the skin and drawn anew in each pose; a drawn eye is squeezed flat.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.draft.face.axes import FaceAxes, normalise
from inference.draft.face.fields import MAX_GAP
from inference.draft.face.light import Light
from inference.draft.face.pose import Pose
from inference.draft.face.warp import Floats, Pixels, build_pixel_grid, remap
from inference.media import faces

_CONTRAST = 40.0  # levels, as a distance in RGB, between a drawn feature and the skin
_EYE_REACH, _MOUTH_REACH = 0.13, 0.26  # half the side of the area around it, in face heights
_EYE_SHUT = 0.15  # height of a shut eye as a share of the open one's
_FINE = 4  # rows and columns of a shape drawn for one of the picture

# Lengths in face heights, widths as shares of the mouth's.
_LINE, _MIN_LINE = 0.018, 0.012  # greatest and least thickness of shut lips
_UPPER_SHARE = 0.25  # of the gap is above the line of shut lips
_CHIN_MARGIN = 0.045  # below the lower lip
_ROUND_NARROWER, _SPREAD_WIDER, _OPEN_NARROWER = 0.36, 0.12, 0.06
_ROUND_LEVEL, _SPEECH_LEVEL = 0.5, 0.3  # of a smile's bow
_ROUND_LOWER = 0.25  # of the gap
_WIDEST = 1.0  # greatest gap, in half mouth widths
_PRESSED_THINNER = 0.2  # of the lips' thickness
_TEETH, _TONGUE = 0.026, 0.03  # greatest heights of what is seen of them
_TEETH_SHARE, _TONGUE_SHARE = 0.35, 0.3  # of the gap, at most: the dark between them always shows
_TONGUE_HALF = 0.7  # half its width, as a share of the mouth's
_TONGUE_SHADE = 0.4  # of its colour is the dark's: it would pass for the lower lip
_LIP_SHADOW = 0.012  # height of the dark that this lip leaves before the tongue
_WIDTH, _MIN_WIDTH_PX = (0.1, 0.5), 6  # of a mouth that is one
_LONG = 3.0  # of the pixels' spread along over that across: a shape with a direction of its own
_MIN_GAP = 0.012  # between teeth and lower lip, where any teeth are seen
_LINE_OF_LIPS = faces.LIPS_INNER_UPPER[2:-2] + faces.LIPS_INNER_LOWER[2:-2]
_LIPS = (
    faces.LIPS_OUTER_UPPER
    + faces.LIPS_OUTER_LOWER
    + faces.LIPS_INNER_UPPER
    + faces.LIPS_INNER_LOWER
)
_SIDES = np.linspace(-1, 1, 49)
_ALL = slice(None)


class _Shape:
    """One connected shape on the skin, with the area around it.

    `area` is left, top, right, bottom in the frame; `source` and `skin` are that part of the
    picture with and without the shape, float32 (h, w, 3); `cover` is 1 on the shape, (h, w).
    """

    def __init__(
        self,
        frame: Pixels,
        contour: Floats,
        reach_px: float,
        skin: Floats | None = None,
        own: Floats | None = None,
    ) -> None:
        """`contour` is float32 (n, 2) in the frame. The shape has the colour `own`, or, without
        it, any that is not the skin's, by default that of most of the area's border."""
        height, width = frame.shape[:2]
        centre = contour.mean(0)
        low = np.clip((centre - reach_px).astype(int), 0, [width - 2, height - 2])
        high = np.clip((centre + reach_px).astype(int) + 1, low + 2, [width, height])
        self.area = int(low[0]), int(low[1]), int(high[0]), int(high[1])
        part = frame[low[1] : high[1], low[0] : high[0]]
        self.source = part.astype(np.float32)
        if skin is None:
            rim = [self.source[[0, -1]].reshape(-1, 3), self.source[:, [0, -1]].reshape(-1, 3)]
            skin = np.median(np.concatenate(rim), axis=0).astype(np.float32)
        distance = np.linalg.norm(self.source - (skin if own is None else own), axis=-1)
        belongs = distance > _CONTRAST if own is None else distance < _CONTRAST
        _, parts = cv2.connectedComponents(belongs.astype(np.uint8))
        x, y = np.clip((contour - low).astype(int), 0, high - low - 1).T
        labels = parts[y, x][parts[y, x] > 0]
        self.inside = parts == (np.bincount(labels).argmax() if len(labels) else -1)
        is_cut = self.inside[[0, -1]].any() or self.inside[:, [0, -1]].any()
        self.is_found = bool(self.inside.any() and not is_cut)
        wide = cv2.dilate(self.inside.astype(np.uint8), np.ones((5, 5), np.uint8))
        self.skin = cv2.inpaint(part, wide, 3, cv2.INPAINT_TELEA).astype(np.float32)
        self.cover = cv2.GaussianBlur(wide.astype(np.float32), (0, 0), 0.6)

    def erase(self, canvas: Pixels) -> Floats:
        """Return the canvas's part of the area without the shape, float32 (h, w, 3)."""
        left, top, right, bottom = self.area
        drawn = canvas[top:bottom, left:right].astype(np.float32)
        drawn += (self.skin - drawn) * self.cover[..., None]
        return drawn

    def write(self, canvas: Pixels, drawn: Floats) -> None:
        """Write the area's part, float32 (h, w, 3), into the canvas."""
        left, top, right, bottom = self.area
        canvas[top:bottom, left:right] = np.clip(drawn + 0.5, 0, 255).astype(np.uint8)


class DrawnEye:
    """Eye in a drawing, often a mere dot: it blinks by being squeezed flat."""

    def __init__(self, frame: Pixels, contour: Floats, axes: FaceAxes) -> None:
        self._shape = shape = _Shape(frame, contour, _EYE_REACH * axes.size_px)
        self.is_found = shape.is_found
        if self.is_found:
            rows = np.flatnonzero(shape.inside.any(1))
            self._middle = float(rows[0] + 0.6 * (rows[-1] - rows[0]))
            self._layers = np.dstack([shape.source, shape.cover])
            colours = shape.source[shape.inside]
            lash = colours[colours.sum(-1).argsort()[len(colours) // 10]]
            inside = cv2.GaussianBlur(shape.inside.astype(np.float32), (0, 0), 0.6)[..., None]
            self._darker = np.dstack([(lash - shape.source) * inside, 0 * shape.cover])
            height, width = shape.inside.shape
            grid = np.stack(build_pixel_grid(0, 0, width, _FINE * height), -1)
            grid[..., 1] = (grid[..., 1] + 0.5) / _FINE - 0.5
            self._grid = grid

    def draw(self, canvas: Pixels, shut: float) -> None:
        """Draw the eye into the canvas, RGB uint8 (h, w, 3); `shut` is 0 to 1."""
        source = self._grid.copy()
        squeeze = 1 - (1 - _EYE_SHUT) * shut
        source[..., 1] = self._middle + (source[..., 1] - self._middle) / squeeze
        rows, width = source.shape[:2]
        darker = np.float32(max(0.0, 2 * shut - 1))  # shut lids show no white
        layers = remap(self._layers + darker * self._darker, source).reshape(
            rows // _FINE, _FINE, width, 4
        )
        cover = layers[..., 3:]
        drawn = self._shape.erase(canvas)
        drawn += (layers[..., :3] * cover).mean(1) - drawn * cover.mean(1)
        self._shape.write(canvas, drawn)


class DrawnMouth:
    """Mouth in a drawing: two lips of one colour, the same on both sides, and an inside."""

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes, light: Light) -> None:
        self._height, self._light = axes.height_px, light
        line = points[list(_LINE_OF_LIPS), :2].astype(int)
        x, y = np.clip(line, 0, [frame.shape[1] - 1, frame.shape[0] - 1]).T
        for own in (None, np.median(frame[y, x], axis=0).astype(np.float32)):  # first not the skin
            contour, reach_px = points[list(_LIPS), :2], _MOUTH_REACH * axes.size_px
            self._shape = _Shape(frame, contour, reach_px, light.skin, own)
            self.is_found = self._shape.is_found and self._is_wide_enough()
            if self.is_found:
                break
        self._axes = np.stack([normalise(axes.right[:2]), normalise(axes.down[:2])])
        if self.is_found:
            self._measure(points[faces.CHIN, :2])

    def _is_wide_enough(self) -> bool:
        width_px = np.count_nonzero(self._shape.inside.any(0))
        least, most = (share * self._height for share in _WIDTH)
        return bool(max(_MIN_WIDTH_PX, least) < width_px < most)

    def _measure(self, chin: Floats) -> None:
        """Measure width, line and colours of the mouth in the picture."""
        shape, height = self._shape, self._height
        y, x = np.nonzero(shape.inside)
        places = np.stack([x, y])
        (least, most), directions = np.linalg.eigh(np.cov(places))
        if most > _LONG * least:  # level on its own, however the eyes are
            right = directions[:, 1] * np.sign(directions[:, 1] @ self._axes[0])
            self._axes = np.stack([right, (-right[1], right[0])])
        along, down = self._axes @ places
        self._half = float(np.ptp(along)) / 2
        middle = float(along.min()) + self._half
        place = (along - middle) / self._half
        edges = np.linspace(-0.9, 0.9, 13)
        columns = [down[(place > a) & (place <= b)] for a, b in zip(edges, edges[1:], strict=False)]
        centres = ((edges[:-1] + edges[1:]) / 2)[[len(c) > 0 for c in columns]]
        columns = [c for c in columns if len(c)]
        line = [(c.min() + c.max()) / 2 for c in columns]
        self._bow, seam = np.polyfit(centres**2, line, 1)
        tall = np.asarray([np.ptp(c) + 1 for c in columns])
        self._line = float(np.clip(tall.min(), _MIN_LINE * height, _LINE * height)) / 2
        self._half = max(self._half - self._line, 2 * self._line)
        self._origin = np.asarray([middle, seam]) @ self._axes
        low = np.asarray(shape.area[:2])
        room = float((chin - low) @ self._axes[1]) - seam - _CHIN_MARGIN * height - self._line
        room = max(room, 0.04 * height) / (1 - _UPPER_SHARE)
        self._gap = min(MAX_GAP * height, room, _WIDEST * self._half)
        core = cv2.erode(shape.inside.astype(np.uint8), np.ones((3, 3), np.uint8))
        rim = core > cv2.erode(core, np.ones((5, 5), np.uint8))  # not the teeth of an open mouth
        self._lip = np.median(shape.source[rim if rim.any() else shape.inside], axis=0)
        self._cavity = 0.45 * self._lip
        self._tongue = 0.4 * self._lip + 0.6 * 1.2 * self._light.tongue
        self._tongue += _TONGUE_SHADE * (self._cavity - self._tongue)

    def draw(self, canvas: Pixels, pose: Pose) -> None:
        """Draw the mouth into the canvas, RGB uint8 (h, w, 3), in place."""
        drawn = self._shape.erase(canvas)
        rows, columns = drawn.shape[:2]
        picture = np.zeros((_FINE * rows, _FINE * columns, 4), np.float32)
        self._paint(picture, pose)
        layers = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
        self._shape.write(canvas, layers[..., :3] + drawn * (1 - layers[..., 3:]))

    def _paint(self, picture: Floats, pose: Pose) -> None:
        """Paint colours and cover of the pose, (h, w, 4), on a grid `_FINE` times as fine."""
        opening = pose.opening * (1 - pose.closure)
        half = self._half * (
            1
            - _ROUND_NARROWER * pose.rounding
            + _SPREAD_WIDER * pose.spreading
            - _OPEN_NARROWER * opening
        )
        bow = self._bow * (1 - _ROUND_LEVEL * pose.rounding) * (1 - _SPEECH_LEVEL * pose.speaking)
        gap = self._gap * opening * (1 - _ROUND_LOWER * pose.rounding) * np.sqrt(1 - _SIDES**2)
        seam = bow * _SIDES**2
        upper, lower = seam - _UPPER_SHARE * gap, seam + (1 - _UPPER_SHARE) * gap
        line = self._line * (1 - _PRESSED_THINNER * pose.closure)
        contour = self._outline(half, upper, lower)
        thickness = max(1, round(2 * line * _FINE))
        cv2.polylines(picture, [contour], True, (*self._lip.tolist(), 1.0), thickness)
        deep = lower - upper
        arch = self._height * np.sqrt(1 - _SIDES**2)
        teeth = upper + np.minimum(_TEETH * arch, _TEETH_SHARE * deep)
        teeth = np.minimum(teeth, lower - _MIN_GAP * arch)
        mound = np.maximum(1 - (_SIDES / _TONGUE_HALF) ** 2, 0)
        floor = lower - _LIP_SHADOW * arch
        tongue = floor - np.minimum(_TONGUE * self._height, _TONGUE_SHARE * deep) * mound
        for colour, top, bottom, side in (
            (self._cavity, upper, lower, 1.0),
            (self._tongue, tongue, floor, 1.0),
            (self._light.tooth, upper, teeth, 0.9),
        ):
            seen = (bottom - top > 1 / _FINE) & (np.abs(_SIDES) <= side)
            if seen.any():
                inside = self._outline(half, top, bottom, seen)
                cv2.fillPoly(picture, [inside], (*colour.tolist(), 1.0))

    def _outline(
        self, half: float, upper: Floats, lower: Floats, seen: NDArray[np.bool_] | slice = _ALL
    ) -> NDArray[np.int32]:
        """Return the closed line along both edges, int32 (n, 2) on the fine grid."""
        sides = np.concatenate([_SIDES[seen], _SIDES[seen][::-1]]) * half
        downs = np.concatenate([upper[seen], lower[seen][::-1]])
        places = (self._origin + np.stack([sides, downs], -1) @ self._axes + 0.5) * _FINE - 0.5
        return np.round(places).astype(np.int32)
