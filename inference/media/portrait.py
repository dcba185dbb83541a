"""Faces of a picture: where they are, the turn in which they stand upright, hidden mouths."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.core.errors import build_no_face_error
from inference.core.inputs import TURNS, Box, Face
from inference.media.faces import (
    MIN_MESH_SCORE,
    SAME_FACE_OVERLAP,
    Candidate,
    FaceDetector,
    FaceMesh,
    compute_overlap,
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
    return _FaceFinder().find(picture, 0).faces


def find_portrait(picture: Pixels, turn: int | None = None) -> Portrait:
    """Return the picture, RGB uint8 (h, w, 3), turned by `turn` degrees clockwise, and its faces.

    None: turned until its faces stand upright. A picture in which one does stays as it is, and so
    does one without any face.
    """
    finder = _FaceFinder()
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
    the box holds no other one.
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


class _FaceFinder:
    """Finder of faces with detector and mesh, which are loaded once."""

    def __init__(self) -> None:
        self._detector, self._mesh = FaceDetector(), FaceMesh()

    def find(self, picture: Pixels, turn: int) -> Portrait:
        """Return the picture, turned, with its faces."""
        pixels = np.ascontiguousarray(np.rot90(picture, -turn // 90))
        faces = []
        if min(pixels.shape[:2]) >= _MIN_SIDE_PX:
            for found in self._detector.find(pixels):
                points, mesh_score = self._mesh.fit(pixels, found.box, found.roll_rad)
                if mesh_score >= MIN_MESH_SCORE:
                    box = Box(*(float(edge) for edge in found.box))
                    faces.append(Face(box, found.score, measure_roll(points)))
        return Portrait(pixels, turn, tuple(sorted(faces, key=lambda face: face.box.left)))
