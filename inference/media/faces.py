"""Face detection with a box detector and a mesh of 468 points.

Both are small networks by MediaPipe, BlazeFace (full range) and face mesh, run by OpenCV's TFLite
importer. Positions are in pixels of the given array, x to the right and y down.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from weights.manifest import FACE_DETECTOR, FACE_MESH

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

MIN_DETECTOR_SCORE = 0.5
MIN_MESH_SCORE = 0.7

# Indices into the 468 points (MediaPipe's canonical face). Each contour runs from left to right in
# the picture of an unmirrored frontal face; upper and lower contours share their end points.
LIPS_OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIPS_INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIPS_INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LEFT_EYE_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_EYE_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_EYE_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
LEFT_BROW_LOWER = (46, 53, 52, 65, 55)
LEFT_BROW_UPPER = (70, 63, 105, 66, 107)
RIGHT_BROW_LOWER = (285, 295, 282, 283, 276)
RIGHT_BROW_UPPER = (336, 296, 334, 293, 300)
# fmt: off
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
# fmt: on
LEFT_EYE_OUTER, RIGHT_EYE_OUTER = 33, 263
FOREHEAD, CHIN, NOSE_TIP, NOSE_BRIDGE = 10, 152, 4, 6
LEFT_CHEEK, RIGHT_CHEEK = 50, 280
LEFT_EAR, RIGHT_EAR = 234, 454

_DETECTOR_SIDE_PX = 192
_DETECTOR_GRID = 48  # cells of 4 px along each side, with one anchor in the middle
_MESH_SIDE_PX = 192
_MESH_CROP_SCALE = 1.5  # side of the mesh's input square, in face sizes
SAME_FACE_OVERLAP = 0.3  # candidates that overlap more are one face
_SAME_FACE_CONTAINED = 0.75  # as are boxes of which a larger part lies in the other one


@dataclass(frozen=True)
class Candidate:
    """Detected face.

    `box` is (4,) left, top, right, bottom; `keypoints` (6, 2) x, y of the two eyes (left one
    first), nose, mouth and two ears. Both float32, in pixels.
    """

    score: float
    box: Floats
    keypoints: Floats

    @property
    def roll_rad(self) -> float:
        """Angle of the line from the left eye to the right one; 0 is level, positive clockwise."""
        across = self.keypoints[1] - self.keypoints[0]
        return float(np.arctan2(across[1], across[0]))


def measure_roll(points: Floats) -> float:
    """Return the roll of a face with these 468 points; see `inference.core.inputs.Face`."""
    across = points[RIGHT_EYE_OUTER, :2] - points[LEFT_EYE_OUTER, :2]
    return float(np.arctan2(across[1], across[0]))


class FaceDetector:
    """BlazeFace, for faces from close up to about 5 m."""

    _OUTPUTS = ("reshaped_regressor_face_4", "reshaped_classifier_face_4")

    def __init__(self) -> None:
        self._net = _read_net(FACE_DETECTOR.path)
        cells = (np.arange(_DETECTOR_GRID, dtype=np.float32) + 0.5) / _DETECTOR_GRID
        self._anchors = np.stack(np.meshgrid(cells, cells), -1).reshape(-1, 2)

    def find(self, picture: Pixels) -> list[Candidate]:
        """Return the faces in an RGB uint8 (h, w, 3) picture, in descending order of score.

        Searches the whole picture, then squares of its shorter side that overlap by half.
        """
        height, width = picture.shape[:2]
        longest, shortest = max(height, width), min(height, width)
        middle_x, middle_y = (width - longest) // 2, (height - longest) // 2
        found = self.find_in_square(picture, middle_x, middle_y, longest)
        squares = int(np.ceil((longest - shortest) / (0.5 * shortest))) + 1
        for offset in np.linspace(0, longest - shortest, squares, dtype=int).tolist():
            left, top = (offset, 0) if width > height else (0, offset)
            found += self.find_in_square(picture, left, top, shortest)
        return merge(found)

    def find_in_square(self, picture: Pixels, left: int, top: int, side: int) -> list[Candidate]:
        """Return the unmerged candidates in a square, which may extend over the picture's edges."""
        blob = cv2.dnn.blobFromImage(
            _cut_square(picture, left, top, side), 1 / 127.5, mean=(127.5, 127.5, 127.5)
        )
        self._net.setInput(blob)
        offsets, logits = self._net.forward(list(self._OUTPUTS))
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -60, 60)))
        origin = np.asarray([left, top], np.float32)
        found = []
        for cell in np.flatnonzero(scores >= MIN_DETECTOR_SCORE):
            values = offsets.reshape(-1, 16)[cell] / _DETECTOR_SIDE_PX
            centre, half = values[:2] + self._anchors[cell], values[2:4] / 2
            corners = np.stack([centre - half, centre + half]) * side + origin
            keys = (values[4:].reshape(6, 2) + self._anchors[cell]) * side + origin
            box, keys = corners.reshape(4).astype(np.float32), keys.astype(np.float32)
            found.append(Candidate(float(scores[cell]), box, keys))
        return found


class FaceMesh:
    """MediaPipe's face mesh: 468 points in three dimensions."""

    _OUTPUTS = ("conv2d_21", "conv2d_31")

    def __init__(self) -> None:
        self._net = _read_net(FACE_MESH.path)

    def fit(
        self, picture: Pixels, box: Floats, roll_rad: float, passes: int = 2
    ) -> tuple[Floats, float]:
        """Return the points, float32 (468, 3) in pixels, and the probability (0 to 1) of a face.

        Each pass after the first one rotates and crops the face by the points of the pass before.
        """
        centre, side = (box[:2] + box[2:]) / 2, float(max(box[2:] - box[:2])) * _MESH_CROP_SCALE
        points, score = self._fit_once(picture, centre, side, roll_rad)
        for _ in range(passes - 1):
            points, score = self._fit_once(picture, *_enclose(points))
        return points, score

    def locate(self, view: Pixels) -> tuple[Floats, float]:
        """Return points and probability, as `fit`, of the face in a view by `cut_face`, in it."""
        self._net.setInput(cv2.dnn.blobFromImage(view, 1 / 255))
        raw, logit = self._net.forward(list(self._OUTPUTS))
        score = 1 / (1 + np.exp(-float(logit.reshape(-1)[0])))
        return np.asarray(raw.reshape(468, 3), np.float32), score

    def _fit_once(
        self, picture: Pixels, centre: NDArray[np.floating], side: float, roll_rad: float
    ) -> tuple[Floats, float]:
        points, score = self.locate(_cut_upright(picture, centre, side, roll_rad))
        scale = _MESH_SIDE_PX / side
        turn = _build_rotation(roll_rad) * scale
        flat = (points[:, :2] - _MESH_SIDE_PX / 2) @ np.linalg.inv(turn).T + centre
        return np.concatenate([flat, points[:, 2:] / scale], 1).astype(np.float32), score


def cut_face(picture: Pixels, points: Floats) -> Pixels:
    """Return the face with these points, turned upright, RGB uint8 (192, 192, 3)."""
    return _cut_upright(picture, *_enclose(points))


def _enclose(points: Floats) -> tuple[Floats, float, float]:
    """Return centre, side and roll of the mesh's input square around a face."""
    roll_rad = measure_roll(points)
    upright = points[:, :2] @ _build_rotation(roll_rad).T
    low, high = upright.min(0), upright.max(0)
    centre = _build_rotation(roll_rad).T @ ((low + high) / 2)
    return centre, float(max(high - low)) * _MESH_CROP_SCALE, roll_rad


def _cut_upright(
    picture: Pixels, centre: NDArray[np.floating], side: float, roll_rad: float
) -> Pixels:
    """Return a square of the picture, scaled to the mesh's input and turned upright."""
    scale = _MESH_SIDE_PX / side
    turn = _build_rotation(roll_rad) * scale
    source, shrink = picture, 1.0
    if scale < 0.5:  # warpAffine does not average: without shrinking first it would alias
        shrink = scale * 1.5
        source = np.asarray(
            cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8
        )
    shift = _MESH_SIDE_PX / 2 - turn @ centre
    matrix = np.concatenate([turn / shrink, shift[:, None]], 1).astype(np.float32)
    view = cv2.warpAffine(
        source, matrix, (_MESH_SIDE_PX, _MESH_SIDE_PX), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(view, np.uint8)


def _read_net(path: Path) -> cv2.dnn.Net:
    # OpenCV 5's new engine drops all outputs but the first; OpenCV 4 has no choice of engines.
    classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
    if classic is None:
        return cv2.dnn.readNetFromTFLite(str(path))
    return cv2.dnn.readNetFromTFLite(str(path), classic)


def _cut_square(picture: Pixels, left: int, top: int, side: int) -> Pixels:
    """Return the square scaled to the detector's input size, black outside the picture."""
    height, width = picture.shape[:2]
    from_x, from_y = max(0, left), max(0, top)
    to_x, to_y = min(width, left + side), min(height, top + side)
    view = np.zeros((_DETECTOR_SIDE_PX, _DETECTOR_SIDE_PX, 3), np.uint8)
    if to_x <= from_x or to_y <= from_y:
        return view
    part = picture[from_y:to_y, from_x:to_x]
    scale = _DETECTOR_SIDE_PX / side
    columns, rows = (max(1, round(length * scale)) for length in part.shape[1::-1])
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(part, (columns, rows), interpolation=smooth)
    x, y = round((from_x - left) * scale), round((from_y - top) * scale)
    small = small[: _DETECTOR_SIDE_PX - y, : _DETECTOR_SIDE_PX - x]
    view[y : y + small.shape[0], x : x + small.shape[1]] = small
    return view


def _build_rotation(angle_rad: float) -> Floats:
    """Return the (2, 2) matrix that turns a face with this roll upright."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.asarray([[cos, sin], [-sin, cos]], np.float32)


def compute_overlap(one: Floats, other: Floats) -> float:
    """Return the intersection over union of two boxes; near 1 if one mostly contains the other."""
    corner = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(corner, 0)))
    areas = float(np.prod(one[2:] - one[:2])), float(np.prod(other[2:] - other[:2]))
    inside = shared / (min(areas) + 1e-9)
    return max(
        shared / (sum(areas) - shared + 1e-9),
        0.9 * inside if inside > _SAME_FACE_CONTAINED else 0.0,
    )


def merge(candidates: list[Candidate]) -> list[Candidate]:
    """Return one candidate per face, in descending order of score.

    It is the mean of all that overlap, weighted by score.
    """
    rest = sorted(candidates, key=lambda each: -each.score)
    merged = []
    while rest:
        best = rest[0]
        same = [each for each in rest if compute_overlap(best.box, each.box) > SAME_FACE_OVERLAP]
        same = same or [best]
        rest = [each for each in rest if not any(each is one for one in same)]
        weights = np.asarray([each.score for each in same], np.float32)
        weights /= weights.sum()
        box = np.tensordot(weights, np.stack([each.box for each in same]), 1)
        keys = np.tensordot(weights, np.stack([each.keypoints for each in same]), 1)
        merged.append(Candidate(best.score, box, keys))
    return merged
