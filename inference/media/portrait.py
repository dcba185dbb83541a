"""Faces of a picture: where they are, the turn in which they stand upright, hidden mouths."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.core.errors import build_no_face_error, build_no_mouth_error
from inference.core.inputs import TURNS, Box, Face
from inference.media.faces import (
    CHIN,
    FOREHEAD,
    LEFT_EAR,
    LIPS_INNER_LOWER,
    LIPS_INNER_UPPER,
    LIPS_OUTER_LOWER,
    LIPS_OUTER_UPPER,
    MIN_MESH_SCORE,
    RIGHT_EAR,
    SAME_FACE_OVERLAP,
    Candidate,
    FaceDetector,
    FaceMesh,
    compute_overlap,
    cut_face,
    measure_roll,
    merge,
)

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_MIN_SIDE_PX = 24  # smaller pictures of any shape show no recognisable face
# Of `Portrait.standing`. Faces on their side or upside down that seem upright have up to 0.66.
_SURE_STANDING = 0.7  # no other turn is tried
_MIN_TURNED_STANDING = 0.65  # of a picture that is turned
_TURN_MARGIN = 0.1  # by which it stands better than as it was given

# The mesh sees a mouth in whatever a face has in its place. When the picture is bent there, a mouth
# that is visible is followed, and one that is only believed to be there stays. Each bend: shift
# down in face heights, turn in radians, stretch across and down.
_BENDS = (
    (-0.045, 0.0, 1.0, 1.0),
    (0.0, 0.0, 0.8, 1.0),
    (0.0, 0.0, 1.25, 1.0),
    (0.0, 0.22, 1.0, 1.0),
    (0.0, 0.0, 1.25, 1.25),
)
_BEND_WIDTH, _BEND_HEIGHT = 0.26, 0.15  # half sizes of what is bent, in face widths and heights
# The line between 160 faces and the same with masks, microphones, hands and scarves painted over
# their mouths: the share of a bend that is followed, more where the colour is not the skin's.
_MIN_FOLLOWED, _MIN_FOLLOWED_BY_COLOUR = 0.06, 0.095
_MAX_COLOUR_DISTANCE = 3.0
_SKIN_POINTS = (6, 197, 195, 5, 118, 347, 117, 346, 50, 280, 9, 151)  # nose, cheeks, forehead
_LIP_OUTLINE = LIPS_OUTER_UPPER + LIPS_OUTER_LOWER[-2:0:-1]
_LIP_OPENING = LIPS_INNER_UPPER + LIPS_INNER_LOWER[-2:0:-1]
_LIP_POINTS = _LIP_OUTLINE + _LIP_OPENING


@dataclass(frozen=True)
class Portrait:
    """Picture as it is used, RGB uint8 (h, w, 3): turned clockwise, with its faces in its pixels,
    left to right."""

    pixels: Pixels
    turned: int
    faces: tuple[Face, ...]

    @property
    def standing(self) -> float:
        """Certainty of the face that stands best, less the more it is rolled; 0 without one."""
        upright = (face.score * math.cos(face.roll_rad or 0) for face in self.faces)
        return max(upright, default=0.0)


def find_faces(picture: Pixels) -> tuple[Face, ...]:
    """Return the faces in an RGB uint8 (h, w, 3) picture, left to right, in its pixels.

    A face counts when both the detector and the mesh are sure of it.
    """
    return _load_finder().find(picture, 0).faces


def find_portrait(picture: Pixels, turn: int | None = None) -> Portrait:
    """Return the picture, RGB uint8 (h, w, 3), turned by `turn` degrees clockwise, and its faces.

    None: turned until its faces stand upright. A picture in which one does stays as it is, and so
    does one without any face.
    """
    finder = _load_finder()
    as_given = finder.find(picture, turn or 0)
    if turn is not None or as_given.standing >= _SURE_STANDING:
        return as_given
    least = max(_MIN_TURNED_STANDING, as_given.standing + _TURN_MARGIN)
    turned = [finder.find(picture, degrees) for degrees in TURNS if degrees]
    best = max(turned, key=lambda portrait: portrait.standing)
    return best if best.standing >= least else as_given


def find_landmarks(
    frame: Pixels, box: tuple[float, float, float, float], roll_rad: float | None = None
) -> Floats:
    """Return the 468 points, float32 (468, 3), of the face in `box` (left, top, right, bottom).

    x and y are in pixels of `frame`, RGB uint8 (h, w, 3), z (away from the camera) in the same
    unit. A face whose roll is known was found before and is taken as it is. Raises InputError when
    the box holds no other one, or when the mouth lies outside the frame.
    """
    edges = np.asarray(box, np.float32)
    height, width = frame.shape[:2]
    if not (
        np.isfinite(edges).all()
        and compute_overlap(edges, np.asarray([0, 0, width, height], np.float32)) > 0
    ):
        raise build_no_face_error(f"box {box} outside the frame")
    fits = []
    for fit in _try_fits(frame, edges, roll_rad):
        fits.append(fit)
        if fit[1] >= MIN_MESH_SCORE:
            break
    points, score = max(fits, key=lambda fit: fit[1])
    if score < MIN_MESH_SCORE and roll_rad is None:
        raise build_no_face_error(f"mesh score {score:.2f} in {box}")
    x, y = points[LIPS_INNER_UPPER, :2].T
    if not ((x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)).any():
        raise build_no_mouth_error()
    return points


def _try_fits(frame: Pixels, box: Floats, roll_rad: float | None) -> Iterator[tuple[Floats, float]]:
    """Yield points and probability of the face in `box`, fitted in one way after the other."""
    mesh = FaceMesh()
    if roll_rad is not None:
        yield mesh.fit(frame, box, roll_rad, passes=3)
    detected = _find_candidate(frame, box)
    if detected is not None:
        yield mesh.fit(frame, detected.box, detected.roll_rad)
    yield mesh.fit(frame, box, 0.0, passes=3)


def _find_candidate(frame: Pixels, box: Floats) -> Candidate | None:
    """Return the detected face that overlaps `box` most, searching its surroundings."""
    centre = (box[:2] + box[2:]) / 2
    side = float(max(box[2:] - box[:2]))
    detector = FaceDetector()
    found: list[Candidate] = []
    for scale in (2.0, 3.5):
        left, top = np.rint(centre - side * scale / 2).astype(int).tolist()
        found += detector.find_in_square(frame, left, top, max(1, round(side * scale)))
    merged = merge(found)
    same = [each for each in merged if compute_overlap(each.box, box) > SAME_FACE_OVERLAP]
    return max(same, key=lambda each: compute_overlap(each.box, box), default=None)


def warm_up() -> None:
    """Load the networks and run each once: the first run takes as long as two later ones."""
    _load_finder().run_once()


class _FaceFinder:
    """Finder of faces with detector and mesh, which are loaded once."""

    def __init__(self) -> None:
        self._detector, self._mesh = FaceDetector(), FaceMesh()

    def run_once(self) -> None:
        blank = np.zeros((_MIN_SIDE_PX, _MIN_SIDE_PX, 3), np.uint8)
        self._detector.find(blank)
        self._mesh.fit(blank, np.asarray([0, 0, _MIN_SIDE_PX, _MIN_SIDE_PX], np.float32), 0.0)

    def find(self, picture: Pixels, turn: int) -> Portrait:
        """Return the picture, turned, with its faces."""
        pixels = np.ascontiguousarray(np.rot90(picture, -turn // 90))
        faces = []
        if min(pixels.shape[:2]) >= _MIN_SIDE_PX:
            for found in self._detector.find(pixels):
                points, mesh_score = self._mesh.fit(pixels, found.box, found.roll_rad)
                if mesh_score >= MIN_MESH_SCORE:
                    box = Box(*(float(edge) for edge in found.box))
                    hidden = _is_mouth_hidden(self._mesh, pixels, points)
                    faces.append(Face(box, found.score, measure_roll(points), hidden))
        return Portrait(pixels, turn, tuple(sorted(faces, key=lambda face: face.box.left)))


@cache
def _load_finder() -> _FaceFinder:
    """Return this process's finder; only one thread may use it at a time."""
    return _FaceFinder()


def _is_mouth_hidden(mesh: FaceMesh, picture: Pixels, points: Floats) -> bool:
    """Return whether something seems to be in front of the mouth of the face with these points."""
    view = cut_face(picture, points)
    flat = mesh.locate(view)[0][:, :2]
    followed = _measure_following(mesh, view, flat)
    distance = _measure_colour_distance(view, flat)
    return followed < _MIN_FOLLOWED + _MIN_FOLLOWED_BY_COLOUR * distance


def _measure_following(mesh: FaceMesh, view: Pixels, points: Floats) -> float:
    """Return the mean share of `_BENDS` that the mesh's lips follow; about 1 at best."""
    lips = points[list(_LIP_POINTS)]
    centre = lips.mean(0)
    width = float(np.linalg.norm(points[RIGHT_EAR] - points[LEFT_EAR]))
    height = float(np.linalg.norm(points[CHIN] - points[FOREHEAD]))
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in view.shape[1::-1]))
    place = np.stack([x, y], -1) - centre
    edge = place / np.asarray([_BEND_WIDTH * width, _BEND_HEIGHT * height], np.float32)
    share = np.exp(-np.square(np.square(edge)).sum(-1, keepdims=True))
    followed = []
    for shift, turn_rad, across, down in _BENDS:
        cos, sin = math.cos(turn_rad), math.sin(turn_rad)
        bend = np.asarray([[cos * across, -sin * down], [sin * across, cos * down]], np.float32)
        moved = np.asarray([0, shift * height], np.float32)
        source = (place - moved) @ np.linalg.inv(bend).T
        source = place + share * (source - place) + centre
        map_x, map_y = (np.asarray(source[..., axis], np.float32) for axis in (0, 1))
        bent = cv2.remap(view, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        wanted = (lips - centre) @ bend.T + centre + moved - lips
        seen = mesh.locate(np.asarray(bent, np.uint8))[0][list(_LIP_POINTS), :2] - lips
        followed.append(float((seen * wanted).sum() / (wanted**2).sum()))
    return float(np.mean(followed))


def _measure_colour_distance(view: Pixels, points: Floats) -> float:
    """Return how far the lips' colour is from what skin and lips have here; from 1 on it is far.

    Redder than the skin is near, and lightness does not count.
    """
    lab = cv2.cvtColor(np.asarray(view, np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.8)
    whole = np.rint(points).astype(np.int32)
    skin_mask, lips_mask, opening = (np.zeros(view.shape[:2], np.uint8) for _ in range(3))
    for point in whole[list(_SKIN_POINTS)].tolist():
        cv2.circle(skin_mask, point, 3, 1, -1)
    cv2.fillPoly(lips_mask, [whole[list(_LIP_OUTLINE)]], 1)
    cv2.fillPoly(opening, [whole[list(_LIP_OPENING)]], 1)
    near_lips = cv2.dilate(lips_mask, np.ones((7, 7), np.uint8)) > 0
    skin, lips = lab[skin_mask > 0][:, 1:], lab[near_lips & (opening == 0)][:, 1:]
    if not len(skin) or not len(lips):  # outside the picture
        return 0.0
    usual = np.median(skin, 0)
    redder, yellower = (lips - usual).T
    off_red = np.where(redder > 0, np.maximum(redder - 25, 0), redder)
    paler = np.minimum(yellower + 0.35 * np.maximum(redder, 0), 0)  # lips are less yellow
    off_yellow = np.where(yellower < 0, paler, yellower)
    spread = 1.5 * float(np.median(np.abs(skin - usual), 0).max())
    tolerance = 6 + spread + 0.25 * float(np.linalg.norm(usual))
    distance = float(np.median(np.hypot(off_red, off_yellow))) / tolerance
    return min(distance, _MAX_COLOUR_DISTANCE)
