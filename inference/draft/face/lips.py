"""Edges of the lips as curves, in coordinates of the mouth.

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
# Search for a lip's inner edge around the mesh's, in face heights:
_SEARCH_IN, _SEARCH_OUT, _STEP = 0.06, 0.045, 0.0025
_MESH_ERROR = 0.025  # typical error of the mesh
_EDGE_WINDOW = 0.0125  # colours are averaged over this on both sides of an edge
_MAX_BEYOND = 0.20  # of the half mouth: distance of the corners beyond the mesh's
# Error of the mesh, of the half mouth, when the face's outline hides a corner.
_HIDDEN_CORNER_ERROR = 0.14
_MAX_SKIN_DISTANCE, _MIN_MOUTH_DISTANCE = 75.0, 32.0  # levels, as distances in RGB
_MIN_LINE_DARKNESS = 22.0  # levels by which the line between the lips is darker than the cheek
# Gaps, in face heights, of closed and open mouths; between them the colour decides.
_CLOSED_GAP, _OPEN_GAP = 0.012, 0.045
_CLOSED_MESH_GAP = 0.024  # likewise, of the mesh, which sees full lips where colours change
_MAX_INSIDE_REDNESS = 0.65  # of the lips' redness, in teeth and the dark behind them
_LIP_DEPTH = 0.015  # distance from the inner edge into the lip, in face heights
_MAX_SKEW = 0.5  # of the halves of a turned mouth; at 1 `across` would fold
# Motion of the upper lip when the picture's open mouth closes.
_CLOSING_UPPER_SHARE = 0.30  # of the gap
_MAX_CLOSING_UPPER = 0.022
_INSET = 0.010  # an open mouth's edges move this far into the lips: no tooth remains on them


class Lips:
    """The four edges of the lips as `down` over `across`, and the mouth's own coordinates.

    `upper`, `lower` are the inner edges, `outer_upper`, `outer_lower` the outer ones, each float32
    (129,) over `positions`; on `seam` the lips meet. `gap_px` is the opening in the picture, in the
    middle of the mouth.
    """

    def __init__(self, frame: Pixels, points: Floats, axes: FaceAxes, light: Light) -> None:
        self.height_px = axes.height_px
        self.positions = np.linspace(-1, 1, _SAMPLES, dtype=np.float32)
        points_2d = points[:, :2]
        self.down = normalise(axes.down[:2])
        left, right = points_2d[faces.LIPS_INNER_UPPER[0]], points_2d[faces.LIPS_INNER_UPPER[-1]]
        middle = (points_2d[faces.LIPS_INNER_UPPER[5]] + points_2d[faces.LIPS_INNER_LOWER[5]]) / 2
        self._set_corners(left, right)
        self._set_middle(middle)
        self._set_corners(*self._find_corners(frame, light))
        self._set_middle(middle)
        self.upper = self._fit_curve(points_2d, faces.LIPS_INNER_UPPER)
        self.lower = np.maximum(self._fit_curve(points_2d, faces.LIPS_INNER_LOWER), self.upper)
        self.outer_upper = self._fit_curve(points_2d, faces.LIPS_OUTER_UPPER)
        self.outer_lower = self._fit_curve(points_2d, faces.LIPS_OUTER_LOWER)
        mesh_gap = float((self.lower - self.upper)[_SAMPLES // 2]) / self.height_px
        self._snap_to_picture(frame)
        self.is_open = mesh_gap > _CLOSED_MESH_GAP and self._detect_open(frame)
        if not self.is_open:
            self._join_edges(frame)
        self.outer_upper = np.minimum(self.outer_upper, self.upper)
        self.outer_lower = np.maximum(self.outer_lower, self.lower)
        gap = self.lower - self.upper
        self.seam = self.upper + np.minimum(
            _CLOSING_UPPER_SHARE * gap, _MAX_CLOSING_UPPER * self.height_px
        )
        self.gap_px = float(gap[_SAMPLES // 2])

    def _set_corners(self, left: Floats, right: Floats) -> None:
        """Set the corners of the mouth, x and y in the frame."""
        self.origin = (left + right) / 2
        self.right = normalise(right - left)
        self.half_px = max(1.0, float(np.linalg.norm(right - left)) / 2)
        self._to_mouth = np.linalg.inv(np.stack([self.right, self.down], 1)).astype(np.float32)

    def _set_middle(self, middle: Floats) -> None:
        """Set the lips' middle as 0 of `across`; a turned head moves it off the corners' middle.

        along(across) = middle_px (1 - across^2) + half_px across, so the corners stay in place.
        """
        skew = float((self._to_mouth @ (middle - self.origin))[0]) / self.half_px
        self.middle_px = float(np.clip(skew, -_MAX_SKEW / 2, _MAX_SKEW / 2)) * self.half_px

    def to_along(self, across: Floats) -> Floats:
        """Return pixels along the mouth's line, from the point midway between the corners."""
        inside = np.clip(across, -1, 1)
        slope = np.where(across < 0, 1, -1) * 2 * self.middle_px + self.half_px
        along = self.middle_px * (1 - inside**2) + self.half_px * inside
        return np.asarray(along + (across - inside) * slope, np.float32)

    def to_mouth_coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return `across` and `down` of positions x, y in the frame (float32, same shape each)."""
        dx, dy = x - self.origin[0], y - self.origin[1]
        along = self._to_mouth[0, 0] * dx + self._to_mouth[0, 1] * dy
        down = self._to_mouth[1, 0] * dx + self._to_mouth[1, 1] * dy
        return self._to_across(along), np.asarray(down, np.float32)

    def to_frame_positions(self, across: Floats, down: Floats) -> Floats:
        """Return x, y in the frame of mouth coordinates, float32 (..., 2)."""
        along = self.to_along(across)
        positions = self.origin + along[..., None] * self.right + down[..., None] * self.down
        return np.asarray(positions, np.float32)

    def sample(self, curve: Floats, across: Floats) -> Floats:
        """Return the values of a curve at any `across`; beyond a corner, the corner's."""
        return np.interp(across, self.positions, curve).astype(np.float32)

    def _to_across(self, along: Floats) -> Floats:
        """Invert `to_along`: a quadratic between the corners, straight beyond them."""
        a, b = self.middle_px, self.half_px
        if abs(a) < 1e-3 * b:
            return np.asarray(along / b, np.float32)
        inside = np.clip(along, -b, b)
        root = np.sqrt(np.maximum(b * b - 4 * a * (inside - a), 0))
        across = (b - root) / (2 * a)
        slope = np.where(along < 0, 1, -1) * 2 * a + b
        return np.asarray(across + (along - inside) / slope, np.float32)

    def _fit_curve(self, points_2d: Floats, indices: tuple[int, ...]) -> Floats:
        coordinates = (points_2d[list(indices)] - self.origin) @ self._to_mouth.T
        if indices[0] == faces.LIPS_INNER_UPPER[0]:
            coordinates[[0, -1]] = [[-self.half_px, 0], [self.half_px, 0]]
        across = np.maximum.accumulate(self._to_across(coordinates[:, 0].astype(np.float32)))
        across += np.arange(len(across), dtype=np.float32) * 1e-4
        curve = np.interp(self.positions, across, coordinates[:, 1])
        smooth = gaussian_filter1d(curve, _SAMPLES / 40, mode="nearest")
        return np.asarray(smooth, np.float32)

    def _detect_open(self, frame: Pixels) -> bool:
        """Return whether the mouth is open in the picture: no lip between its edges."""
        gap = float((self.lower - self.upper)[_SAMPLES // 2]) / self.height_px
        if not _CLOSED_GAP < gap < _OPEN_GAP:
            return gap > _CLOSED_GAP
        inner = slice(_SAMPLES // 4, -_SAMPLES // 4)
        shares = np.linspace(0.25, 0.75, 7, dtype=np.float32)[:, None]
        lip = _LIP_DEPTH * self.height_px
        rows = [self.upper + shares * (self.lower - self.upper), self.upper - lip, self.lower + lip]
        down: Floats = np.concatenate([np.atleast_2d(r)[:, inner] for r in rows], dtype=np.float32)
        across: Floats = np.broadcast_to(self.positions[inner], down.shape)
        colours = remap(frame.astype(np.float32), self.to_frame_positions(across, down))
        red = np.median(colours[..., 0] - colours[..., 1], axis=1)
        return bool(red[:7].mean() < _MAX_INSIDE_REDNESS * red[7:].mean())

    def _join_edges(self, frame: Pixels) -> None:
        """Move both edges of a closed mouth onto the darkest line between them."""
        low = np.minimum(self.upper, self.lower) - 0.5 * _LIP_DEPTH * self.height_px
        high = np.maximum(self.upper, self.lower) + 0.5 * _LIP_DEPTH * self.height_px
        shares = np.linspace(0, 1, 25, dtype=np.float32)[:, None]
        down = np.asarray(low + shares * (high - low), np.float32)
        positions = self.to_frame_positions(np.broadcast_to(self.positions, down.shape), down)
        light = remap(frame.astype(np.float32), positions).mean(-1)
        darker = np.maximum(np.median(light, axis=0) - light, 0) ** 2 + 1e-3
        seam = (down * darker).sum(0) / darker.sum(0)
        weight = (1.02 - self.positions**6) * (1 + darker.max(0))
        fit = np.polynomial.Polynomial.fit(self.positions, seam, 5, w=np.sqrt(weight))
        self.upper = np.asarray(fit(self.positions), np.float32)
        self.lower = self.upper.copy()

    def _find_corners(self, frame: Pixels, light: Light) -> tuple[Floats, Floats]:
        """Find the corners of the mouth, left and right, x and y in the frame.

        A corner moves outwards while the picture is darker or brighter than the cheek. It moves
        inwards if no cheek follows: there the mesh guesses a corner behind the face's outline.
        """
        picture = frame.astype(np.float32)
        beyond = np.linspace(0, 0.4, 33, dtype=np.float32)
        spread = np.linspace(-0.012, 0.012, 7)[:, None] * self.height_px * self.down
        ends = []
        for side in (-1.0, 1.0):
            end = self.origin + side * self.half_px * self.right
            candidates = end + side * self.half_px * beyond[:, None, None] * self.right + spread
            candidate_colours = remap(picture, candidates.astype(np.float32))
            colours, darkest = candidate_colours.mean(1), candidate_colours.mean(-1).min(1)
            cheek = np.median(colours[beyond > 0.25], axis=0)
            move = -_HIDDEN_CORNER_ERROR
            if np.linalg.norm(cheek - light.skin) < _MAX_SKIN_DISTANCE:
                is_mouth = np.linalg.norm(colours - cheek, axis=-1) > _MIN_MOUTH_DISTANCE
                is_mouth |= cheek.mean() - darkest > _MIN_LINE_DARKNESS
                move = float(min(beyond[is_mouth.argmin()], _MAX_BEYOND))
            ends.append(end + side * self.half_px * move * self.right)
        return np.asarray(ends[0], np.float32), np.asarray(ends[1], np.float32)

    def _snap_to_picture(self, frame: Pixels) -> None:
        """Move the inner edges to the picture's change of colour from mouth to lip.

        The mesh is a pixel or two off, more on drawings, and a rest of teeth or dark inside a lip's
        edge would show as a line when the mouth closes.
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
        """Return the outward distance of the picture's edge in pixels, float32 (129,).

        A lip is redder than teeth and the dark, and differs in colour in a drawing: the edge is the
        largest step in redness and colour, weighted towards the mesh's edge.
        """
        step_px = _STEP * self.height_px
        count = round((_SEARCH_IN + _SEARCH_OUT) / _STEP)
        steps = np.arange(count, dtype=np.float32) * step_px - _SEARCH_IN * self.height_px
        half = round(_EDGE_WINDOW / _STEP)
        reach = np.arange(-half, len(steps) + half) * step_px + steps[0]
        down = np.asarray(edge + outwards * reach[:, None], np.float32)
        positions = self.to_frame_positions(np.broadcast_to(self.positions, down.shape), down)
        colours = remap(frame.astype(np.float32), positions)
        total = np.concatenate([np.zeros_like(colours[:1]), np.cumsum(colours, axis=0)])
        inner = (total[half:-half] - total[: -2 * half])[: len(steps)] / half
        outer = (total[2 * half :] - total[half:-half])[: len(steps)] / half
        redder = np.maximum((outer - inner)[..., 0] - (outer - inner)[..., 1], 0)
        score = 2 * redder + 0.4 * np.linalg.norm(outer - inner, axis=-1)
        score *= np.exp(-0.5 * (steps / (_MESH_ERROR * self.height_px)) ** 2)[:, None]
        score[outwards * (down[half:-half] - middle) < 0.1 * (edge - middle) * outwards] = 0
        offsets, best = steps[score.argmax(0)], score.max(0)
        certainty = np.clip((best - 4) / 25, 0.0, 1) * (1 - self.positions**6) + 0.01
        weights = certainty
        for _ in range(4):  # a few columns are wrong: reduce the weight of those far from the curve
            fit = np.polynomial.Polynomial.fit(self.positions, offsets, 3, w=weights)
            error = (fit(self.positions) - offsets) / (0.008 * self.height_px)
            weights = certainty / (1 + error**2)
        trust = np.clip(certainty.mean() * 5, 0, 1) * (1 - self.positions**8)
        return np.asarray(np.clip(fit(self.positions), steps[0], steps[-1]) * trust, np.float32)
