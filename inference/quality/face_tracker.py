"""Tracking of one face through a video: its lip gap and its likeness to the picture's face."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.core.errors import InputError
from inference.media.faces import (
    CHIN,
    FOREHEAD,
    LEFT_EYE_OUTER,
    MIN_MESH_SCORE,
    RIGHT_EYE_OUTER,
    FaceMesh,
    measure_roll,
)
from inference.media.portrait import find_landmarks

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]

_INNER_UPPER, _INNER_LOWER = 13, 14  # the mesh's points in the middle of the inner lips
# Points unmoved by speech and blinks: the corners of the eyes, the nose, forehead and temples.
# fmt: off
_RIGID_POINTS = (
    33, 133, 263, 362, 1, 2, 4, 5, 6, 168, 195, 197, 98, 327, 48, 278, 115, 344, 10, 109, 338, 67,
    297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 50, 280, 36, 266, 118, 347,
)
_EYE_CONTOURS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382),
)
# fmt: on
_PATCH_PX = 64  # side of the patch in which faces are compared
_PATCH_MARGIN = 1.1  # side over the height or width of the rigid points, whichever is more
_COMPARE_INTERVAL = 5  # tracked frames; likeness changes slowly
_ALIGN_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 1e-4)
_ALIGN_BLUR_PX = 5


@dataclass(frozen=True)
class FaceStats:
    """Lip gap, likeness and turn of a face in one frame.

    `gap` lies between the inner lips, in face heights; `likeness` is the correlation with the
    picture's face, 1 to -1; `yaw_deg` is 0 for a face that looks at the camera, up to 90 in
    profile. All are NaN where no face is found.
    """

    gap: float = np.nan
    likeness: float = np.nan
    yaw_deg: float = np.nan


class FaceTracker:
    """Tracker of the face in `box` (left, top, right, bottom) through the frames of a video.

    `picture` is RGB uint8 (h, w, 3), of the frames' size. `roll_rad` is None if it is not known.
    """

    def __init__(
        self, mesh: FaceMesh, picture: Pixels, box: Box, roll_rad: float | None = None
    ) -> None:
        self._mesh, self._box = mesh, np.asarray(box, np.float32)
        self._roll_rad = roll_rad or 0.0
        self._reference: Floats | None = None
        self._points: Floats | None = None
        self._tracked = 0
        try:
            self._reference = find_landmarks(picture, box, roll_rad)
        except InputError:  # no mesh fits: the frames may still show a face there
            return
        self._patch_matrix = _build_patch_matrix(self._reference)
        self._mask = _build_patch_mask(self._reference, self._patch_matrix)
        self._patch = self._align_patch(picture, self._reference)

    def track(self, frame: Pixels) -> FaceStats:
        """Measure the face in the next frame, RGB uint8 (h, w, 3)."""
        points = self._fit_mesh(frame)
        if points is None:
            return FaceStats()
        self._tracked += 1
        gap = _measure_distance(points, _INNER_UPPER, _INNER_LOWER)
        height = _measure_distance(points, FOREHEAD, CHIN)
        compare = self._reference is not None and self._tracked % _COMPARE_INTERVAL == 1
        likeness = self._measure_likeness(frame, points) if compare else float(np.nan)
        return FaceStats(gap / max(height, 1.0), likeness, _measure_yaw_deg(points))

    def _fit_mesh(self, frame: Pixels) -> Floats | None:
        """Return the face's points, float32 (468, 3), near the last ones; None if not found."""
        last = self._points if self._points is not None else self._reference
        if last is None:
            points, score = self._mesh.fit(frame, self._box, self._roll_rad)
        else:
            box = np.concatenate([last[:, :2].min(0), last[:, :2].max(0)])
            points, score = self._mesh.fit(frame, box, measure_roll(last), passes=1)
        self._points = points if score >= MIN_MESH_SCORE else None
        return self._points

    def _measure_likeness(self, frame: Pixels, points: Floats) -> float:
        """Return the correlation of the aligned upper faces, independent of their light."""
        patch, reference = self._align_patch(frame, points), self._normalise_patch(self._patch)
        unaligned = float(np.vdot(self._normalise_patch(patch), reference))
        transform = np.eye(2, 3, dtype=np.float32)
        try:  # the mesh is a pixel or two off, more for faces in profile
            cv2.findTransformECC(
                self._patch,
                patch,
                transform,
                cv2.MOTION_AFFINE,
                _ALIGN_CRITERIA,
                self._mask,
                _ALIGN_BLUR_PX,
            )
        except cv2.error:  # nothing in common to align
            return unaligned
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        aligned = np.asarray(
            cv2.warpAffine(patch, transform, patch.shape[::-1], flags=flags), np.float32
        )
        return max(unaligned, float(np.vdot(self._normalise_patch(aligned), reference)))

    def _align_patch(self, frame: Pixels, points: Floats) -> Floats:
        """Return the face's patch, aligned by its rigid points, grey float32 (h, w)."""
        assert self._reference is not None
        steady = list(_RIGID_POINTS)
        known = self._reference[steady, :2] @ self._patch_matrix[:, :2].T + self._patch_matrix[:, 2]
        basis = np.concatenate([points[steady, :2], np.ones((len(steady), 1), np.float32)], 1)
        solution, *_ = np.linalg.lstsq(basis, known, rcond=None)
        matrix = solution.T.astype(np.float32)
        patch = cv2.warpAffine(
            frame, matrix, (_PATCH_PX, _PATCH_PX), borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.float32)

    def _normalise_patch(self, patch: Floats) -> Floats:
        """Return the masked patch without slow changes of light, as a vector of length 1."""
        high_pass = cv2.GaussianBlur(patch, (0, 0), 1.5) - cv2.GaussianBlur(patch, (0, 0), 10)
        values = np.asarray(high_pass[self._mask > 0], np.float32)
        values -= values.mean()
        return np.asarray(values / (np.linalg.norm(values) + 1e-6), np.float32)


def _measure_distance(points: Floats, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one, :2] - points[other, :2]))


def _measure_yaw_deg(points: Floats) -> float:
    across, up, away = points[RIGHT_EYE_OUTER] - points[LEFT_EYE_OUTER]
    return float(np.degrees(np.arctan2(abs(away), np.hypot(across, up))))


def _build_patch_matrix(points: Floats) -> Floats:
    """Return the (2, 3) matrix from picture to patch: all rigid points inside, eyes level."""
    roll_rad = measure_roll(points)
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    turn = np.asarray([[cos, sin], [-sin, cos]], np.float32)
    upright = points[list(_RIGID_POINTS), :2] @ turn.T
    low, high = upright.min(0), upright.max(0)
    scale = _PATCH_PX / (_PATCH_MARGIN * float(max(high - low)))
    shift = _PATCH_PX / 2 - scale * (low + high) / 2
    return np.concatenate([scale * turn, shift[:, None]], 1).astype(np.float32)


def _build_patch_mask(points: Floats, frame: Floats) -> Pixels:
    """Return a mask, uint8 (side, side), 1 on the face without the eyes, which blink."""
    at = points[:, :2] @ frame[:, :2].T + frame[:, 2]
    mask = np.zeros((_PATCH_PX, _PATCH_PX), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(at[list(_RIGID_POINTS)]).astype(np.int32)), 1)
    for eye in _EYE_CONTOURS:
        lid = cv2.convexHull(np.rint(at[list(eye)]).astype(np.int32))
        cv2.fillConvexPoly(mask, lid, 0)
        cv2.polylines(mask, [lid], True, 0, 5)
    return mask
