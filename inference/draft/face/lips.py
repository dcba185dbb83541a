"""Where the lips are: their edges as curves, in coordinates that belong to the mouth.

`across` is -1 at the left corner of the mouth, 1 at the right one and 0 at its middle, also when
the head is turned; `down` is in pixels below the line through the corners.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from inference.draft.face.axes import FaceAxes, normalise
from inference.draft.face.light import Light
from inference.draft.face.warp import Floats, Pixels, remap
from inference.media import faces

_SAMPLES = 129  # of each curve, from corner to corner
# Of a lip's inner edge in the picture around the mesh's, in face heights:
_SEARCH_IN, _SEARCH_OUT, _STEP = 0.06, 0.045, 0.0025
_MESH_ERROR = 0.025  # the mesh's usual error
_EDGE_WINDOW = 0.0125  # colours are averaged over this much on both sides of an edge
_MAX_BEYOND = 0.20  # of the half mouth: how far the corners may lie beyond the mesh's
_HIDDEN_CORNER_ERROR = (
    0.14  # of the half mouth: the mesh's error where the face's outline hides a corner
)
_MAX_SKIN_DISTANCE, _MIN_MOUTH_DISTANCE = 75.0, 32.0  # levels, as distances in RGB
_MIN_LINE_DARKNESS = 22.0  # levels that the line between the lips is darker than the cheek
_MAX_COLOUR_DISTANCE = 40.0  # levels, as a distance in RGB
# A gap of less is a closed mouth, of more an open one; between, colour tells. In face heights.
_CLOSED_GAP, _OPEN_GAP = 0.012, 0.045
_MAX_INSIDE_REDNESS = 0.65  # of the lips' redness is what teeth and the dark have at most
_LIP_DEPTH = 0.015  # so far outside its inner edge there is surely lip, in face heights
_MAX_SKEW = 0.5  # of the halves of a turned mouth; at 1 `across` would fold
_INSET = 0.010  # an open mouth's edges are taken so far inside the lips: no tooth sticks to them


class Lips:
    """The four edges of the lips as `down` over `across`, and the mouth's own coordinates.

    `upper`, `lower` are the inner edges, `outer_upper`, `outer_lower` the outer ones, each float32
    (129,) over `positions`; `gap_px` is what the mouth is open in the picture, in its middle.
    """

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes, light: Light) -> None:
        self.height_px = axes.height_px
        self.positions = np.linspace(-1, 1, _SAMPLES, dtype=np.float32)
        flat = points[:, :2]
        self.down = normalise(axes.down[:2])
        left, right = flat[faces.LIPS_INNER_UPPER[0]], flat[faces.LIPS_INNER_UPPER[-1]]
        middle = (flat[faces.LIPS_INNER_UPPER[5]] + flat[faces.LIPS_INNER_LOWER[5]]) / 2
        self._set_corners(left, right)
        self._set_middle(middle)
        fit = (
            self._find_drawn_corners(frame, flat)
            if light.is_drawing
            else self._find_photo_corners(frame, light)
        )
        self._set_corners(*fit)
        self._set_middle(middle)
        self.upper = self._fit_curve(flat, faces.LIPS_INNER_UPPER)
        self.lower = np.maximum(self._fit_curve(flat, faces.LIPS_INNER_LOWER), self.upper)
        self.outer_upper = self._fit_curve(flat, faces.LIPS_OUTER_UPPER)
        self.outer_lower = self._fit_curve(flat, faces.LIPS_OUTER_LOWER)
        self._snap_to_picture(frame)
        self.is_open = self._detect_open(frame, light.is_drawing)
        if not self.is_open:
            self._join_edges(frame)
        self.outer_upper = np.minimum(self.outer_upper, self.upper)
        self.outer_lower = np.maximum(self.outer_lower, self.lower)
        self.gap_px = float((self.lower - self.upper)[_SAMPLES // 2])

    def _set_corners(self, left: Floats, right: Floats) -> None:
        """Take those corners, x and y in the frame, as ends of the mouth."""
        self.origin = (left + right) / 2
        self.right = normalise(right - left)
        self.half_px = max(1.0, float(np.linalg.norm(right - left)) / 2)
        self._to_own = np.linalg.inv(np.stack([self.right, self.down], 1)).astype(np.float32)

    def _set_middle(self, middle: Floats) -> None:
        """Let `across` be 0 at the lips' middle, which is off the corners' when the head is turned.

        along(across) = middle_px (1 - across^2) + half_px across, so the corners stay in place.
        """
        skew = float((self._to_own @ (middle - self.origin))[0]) / self.half_px
        self.middle_px = float(np.clip(skew, -_MAX_SKEW / 2, _MAX_SKEW / 2)) * self.half_px

    def to_along(self, across: Floats) -> Floats:
        """Pixels along the mouth's line from the point midway between the corners."""
        inside = np.clip(across, -1, 1)
        slope = np.where(across < 0, 1, -1) * 2 * self.middle_px + self.half_px
        along = self.middle_px * (1 - inside**2) + self.half_px * inside
        return np.asarray(along + (across - inside) * slope, np.float32)

    def to_mouth_coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """`across` and `down` of frame positions x, y (float32, same shape each)."""
        dx, dy = x - self.origin[0], y - self.origin[1]
        along = self._to_own[0, 0] * dx + self._to_own[0, 1] * dy
        down = self._to_own[1, 0] * dx + self._to_own[1, 1] * dy
        return self._to_across(along), np.asarray(down, np.float32)

    def to_frame_positions(self, across: Floats, down: Floats) -> Floats:
        """x, y in the frame of mouth coordinates: float32 of their shape and a last axis of 2."""
        along = self.to_along(across)
        place = self.origin + along[..., None] * self.right + down[..., None] * self.down
        return np.asarray(place, np.float32)

    def sample(self, curve: Floats, across: Floats) -> Floats:
        """The value of one of the curves at any `across`; beyond a corner, the corner's."""
        return np.interp(across, self.positions, curve).astype(np.float32)

    def _to_across(self, along: Floats) -> Floats:
        """Inverse of along(across): a quadratic between the corners, straight beyond them."""
        a, b = self.middle_px, self.half_px
        if abs(a) < 1e-3 * b:
            return np.asarray(along / b, np.float32)
        inside = np.clip(along, -b, b)
        root = np.sqrt(np.maximum(b * b - 4 * a * (inside - a), 0))
        across = (b - root) / (2 * a)
        slope = np.where(along < 0, 1, -1) * 2 * a + b
        return np.asarray(across + (along - inside) / slope, np.float32)

    def _fit_curve(self, flat: Floats, indices: tuple[int, ...]) -> Floats:
        own = (flat[list(indices)] - self.origin) @ self._to_own.T
        if indices[0] == faces.LIPS_INNER_UPPER[0]:
            own[[0, -1]] = [[-self.half_px, 0], [self.half_px, 0]]
        across = np.maximum.accumulate(self._to_across(own[:, 0].astype(np.float32)))
        across += np.arange(len(across), dtype=np.float32) * 1e-4
        curve = np.interp(self.positions, across, own[:, 1])
        smooth = gaussian_filter1d(curve, _SAMPLES / 40, mode="nearest")
        return np.asarray(smooth, np.float32)

    def _detect_open(self, frame: Pixels, drawn: bool) -> bool:
        """Whether the mouth is open in the picture: what lies between its edges is no lip."""
        gap = float((self.lower - self.upper)[_SAMPLES // 2]) / self.height_px
        if drawn or not _CLOSED_GAP < gap < _OPEN_GAP:
            return gap > _CLOSED_GAP
        inner = slice(_SAMPLES // 4, -_SAMPLES // 4)
        share = np.linspace(0.25, 0.75, 7, dtype=np.float32)[:, None]
        lip = _LIP_DEPTH * self.height_px
        rows = [self.upper + share * (self.lower - self.upper), self.upper - lip, self.lower + lip]
        down: Floats = np.concatenate([np.atleast_2d(r)[:, inner] for r in rows], dtype=np.float32)
        across: Floats = np.broadcast_to(self.positions[inner], down.shape)
        colours = remap(frame.astype(np.float32), self.to_frame_positions(across, down))
        red = np.median(colours[..., 0] - colours[..., 1], axis=1)
        return bool(red[:7].mean() < _MAX_INSIDE_REDNESS * red[7:].mean())

    def _join_edges(self, frame: Pixels) -> None:
        """Lay both edges of a closed mouth on the darkest line between them."""
        low = np.minimum(self.upper, self.lower) - 0.5 * _LIP_DEPTH * self.height_px
        high = np.maximum(self.upper, self.lower) + 0.5 * _LIP_DEPTH * self.height_px
        share = np.linspace(0, 1, 25, dtype=np.float32)[:, None]
        down = np.asarray(low + share * (high - low), np.float32)
        place = self.to_frame_positions(np.broadcast_to(self.positions, down.shape), down)
        light = remap(frame.astype(np.float32), place).mean(-1)
        darker = np.maximum(np.median(light, axis=0) - light, 0) ** 2 + 1e-3
        seam = (down * darker).sum(0) / darker.sum(0)
        weight = (1.02 - self.positions**6) * (1 + darker.max(0))
        fit = np.polynomial.Polynomial.fit(self.positions, seam, 5, w=np.sqrt(weight))
        self.upper = np.asarray(fit(self.positions), np.float32)
        self.lower = self.upper.copy()

    def _find_photo_corners(self, frame: Pixels, light: Light) -> tuple[Floats, Floats]:
        """Where a photographed mouth ends, left and right, x and y in the frame.

        Further out while it is still darker or brighter than the cheek; further in where no cheek
        follows: there the mesh guesses a corner behind the face's outline.
        """
        picture = frame.astype(np.float32)
        beyond = np.linspace(0, 0.4, 33, dtype=np.float32)
        spread = np.linspace(-0.012, 0.012, 7)[:, None] * self.height_px * self.down
        ends = []
        for side in (-1.0, 1.0):
            end = self.origin + side * self.half_px * self.right
            tried = end + side * self.half_px * beyond[:, None, None] * self.right + spread
            places = remap(picture, tried.astype(np.float32))
            seen, darkest = places.mean(1), places.mean(-1).min(1)
            cheek = np.median(seen[beyond > 0.25], axis=0)
            move = -_HIDDEN_CORNER_ERROR
            if np.linalg.norm(cheek - light.skin) < _MAX_SKIN_DISTANCE:
                still_mouth = np.linalg.norm(seen - cheek, axis=-1) > _MIN_MOUTH_DISTANCE
                still_mouth |= cheek.mean() - darkest > _MIN_LINE_DARKNESS
                move = float(min(beyond[still_mouth.argmin()], _MAX_BEYOND))
            ends.append(end + side * self.half_px * move * self.right)
        return np.asarray(ends[0], np.float32), np.asarray(ends[1], np.float32)

    def _find_drawn_corners(self, frame: Pixels, flat: Floats) -> tuple[Floats, Floats]:
        """Where a drawn mouth's colour ends, left and right, x and y in the frame."""
        line = (flat[list(faces.LIPS_INNER_UPPER)] + flat[list(faces.LIPS_INNER_LOWER)]) / 2
        picture = frame.astype(np.float32)
        colour = np.median(remap(picture, line[None, 2:-2].astype(np.float32)), axis=(0, 1))
        spread = np.linspace(-0.03, 0.03, 7)[:, None] * self.height_px * self.down
        ends = []
        for end, inner in ((line[0], line[2]), (line[-1], line[-3])):
            out = normalise(end - inner) * self.height_px
            tried = end + np.linspace(0, 0.08, 17)[:, None, None] * out + spread
            seen = remap(picture, tried.astype(np.float32))
            like = (np.linalg.norm(seen - colour, axis=-1) < _MAX_COLOUR_DISTANCE).any(1)
            reach = int(like.argmin()) if not like.all() else 0
            rows = (np.linalg.norm(seen - colour, axis=-1) < _MAX_COLOUR_DISTANCE)[
                max(0, reach - 2)
            ]
            ends.append(tried[max(0, reach - 1)][rows].mean(0) if reach else end)
        return np.asarray(ends[0], np.float32), np.asarray(ends[1], np.float32)

    def _snap_to_picture(self, frame: Pixels) -> None:
        """Move the inner edges to where the picture's colour changes from mouth to lip.

        The mesh is a pixel or two off, more on drawings, and what is left of teeth or dark inside
        a lip's edge would show as a line when the mouth closes.
        """
        middle: Floats = ((self.upper + self.lower) / 2).astype(np.float32)
        gap = self.lower - self.upper
        self.inset = np.minimum(_INSET * self.height_px, 0.2 * gap) * (1 - self.positions**8)
        for name, outwards in (("upper", -1.0), ("lower", 1.0)):
            edge: Floats = getattr(self, name)
            shift = self._find_edge_shift(frame, edge, middle, outwards)
            setattr(self, name, edge + outwards * (shift + self.inset))
        self.lower = np.maximum(self.lower, self.upper)

    def _find_edge_shift(
        self, frame: Pixels, edge: Floats, middle: Floats, outwards: float
    ) -> Floats:
        """How far outwards the picture has the edge, in pixels, float32 (129,).

        A lip is redder than teeth and than the dark, and of another colour in a drawing: the edge
        is where the step in redness and colour is largest, the mesh's own place being likeliest.
        """
        step_px = _STEP * self.height_px
        count = round((_SEARCH_IN + _SEARCH_OUT) / _STEP)
        steps = np.arange(count, dtype=np.float32) * step_px - _SEARCH_IN * self.height_px
        half = round(_EDGE_WINDOW / _STEP)
        reach = np.arange(-half, len(steps) + half) * step_px + steps[0]
        down = np.asarray(edge + outwards * reach[:, None], np.float32)
        place = self.to_frame_positions(np.broadcast_to(self.positions, down.shape), down)
        colours = remap(frame.astype(np.float32), place)
        total = np.concatenate([np.zeros_like(colours[:1]), np.cumsum(colours, axis=0)])
        inner = (total[half:-half] - total[: -2 * half])[: len(steps)] / half
        outer = (total[2 * half :] - total[half:-half])[: len(steps)] / half
        redder = np.maximum((outer - inner)[..., 0] - (outer - inner)[..., 1], 0)
        score = 2 * redder + 0.4 * np.linalg.norm(outer - inner, axis=-1)
        score *= np.exp(-0.5 * (steps / (_MESH_ERROR * self.height_px)) ** 2)[:, None]
        score[outwards * (down[half:-half] - middle) < 0.1 * (edge - middle) * outwards] = 0
        found, best = steps[score.argmax(0)], score.max(0)
        sure = np.clip((best - 4) / 25, 0.0, 1) * (1 - self.positions**6) + 0.01
        weights = sure
        for _ in range(4):  # a few columns are wrong: weigh down those far from the curve
            fit = np.polynomial.Polynomial.fit(self.positions, found, 3, w=weights)
            off = (fit(self.positions) - found) / (0.008 * self.height_px)
            weights = sure / (1 + off**2)
        trust = np.clip(sure.mean() * 5, 0, 1) * (1 - self.positions**8)
        return np.asarray(np.clip(fit(self.positions), steps[0], steps[-1]) * trust, np.float32)
