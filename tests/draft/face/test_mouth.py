"""Lips close, open, round and spread, and what is not the mouth stays."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.draft.face.lips import Lips
from inference.draft.face.mouth import Mouth
from inference.draft.face.pose import Pose
from inference.draft.performer import build_mouth
from tests.support.portraits import Portrait, astronaut, drawing, mouth_seen_by_mesh

PEOPLE = pytest.mark.parametrize("portrait", [astronaut(), drawing()], ids=["photo", "drawing"])


def drawn(portrait: Portrait, pose: Pose) -> NDArray[np.uint8]:
    frame = portrait.frame.copy()
    build_mouth(frame, portrait.points, portrait.axes, portrait.light).draw(frame, pose)
    return frame


def teeth_pixels(frame: NDArray[np.uint8], portrait: Portrait) -> int:
    """Bright pixels without redness around the mouth of the astronaut."""
    lips = Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)
    x, y = np.rint(lips.origin).astype(int)
    part = frame[y - 8 : y + 24, x - 24 : x + 24].astype(int)
    return int(((part[..., 0] > 170) & (part[..., 0] - part[..., 1] < 16)).sum())


@PEOPLE
def test_the_gap_follows_the_opening(portrait: Portrait) -> None:
    openings = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    gaps = [mouth_seen_by_mesh(portrait, drawn(portrait, Pose(o)))[0] for o in openings]
    assert gaps[0] < 0.03
    assert gaps[-1] > 0.08
    assert np.corrcoef(openings, gaps)[0, 1] > 0.95


def test_a_smile_opens_as_evenly_as_it_is_told() -> None:
    """The dark under the upper teeth is not taken for the lip: no plateau and then a jump."""
    portrait = astronaut()
    poses = [Pose(opening, speaking=1) for opening in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    gaps = [mouth_seen_by_mesh(portrait, drawn(portrait, pose))[0] for pose in poses]
    steps = np.diff(gaps) / np.mean(np.diff(gaps))
    assert 0.4 < steps.min() and steps.max() < 1.6, steps


def test_a_smile_shuts_over_its_teeth() -> None:
    portrait = astronaut()
    before = teeth_pixels(portrait.frame, portrait)
    assert before > 100
    for pose in (Pose(0), Pose(0, closure=1), Pose(0.8, closure=1), Pose(0, rounding=1)):
        assert teeth_pixels(drawn(portrait, pose), portrait) < 0.1 * before, pose
    assert teeth_pixels(drawn(portrait, Pose(0.5)), portrait) > 0.3 * before


@PEOPLE
def test_rounding_narrows_and_spreading_widens(portrait: Portrait) -> None:
    def width(pose: Pose) -> float:
        return mouth_seen_by_mesh(portrait, drawn(portrait, pose))[1]

    neutral = width(Pose(0.3))
    assert width(Pose(0.3, rounding=1)) < 0.94 * neutral  # the mesh expects mouths of usual width
    assert width(Pose(0.3, spreading=1)) > 1.01 * neutral


def narrowed(portrait: Portrait, across: float) -> float:
    """The share that rounding leaves of the distance between two places of the lower lip."""
    lips = Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)
    mouth = Mouth(portrait.frame, portrait.points, portrait.axes, portrait.light)
    places = np.asarray([-across, across], np.float32)
    ends = lips.to_frame_positions(places, lips.sample(lips.lower, places) * (1 - across))
    widths = []
    for pose in (Pose(0.2, rounding=1), Pose(0.2)):
        source = cv2.resize(mouth.compute_lower_source(pose), None, fx=4, fy=4) + mouth.area[:2]
        distance = [np.linalg.norm(source - end, axis=-1) for end in ends]
        (y0, x0), (y1, x1) = (np.unravel_index(d.argmin(), d.shape) for d in distance)
        widths.append(np.hypot(x1 - x0, y1 - y0))
    return float(widths[0] / widths[1])


@PEOPLE
def test_rounding_moves_the_corners_in_by_a_third(portrait: Portrait) -> None:
    assert 0.60 < narrowed(portrait, 1.0) < 0.78


@PEOPLE
def test_lips_purse_from_their_corners(portrait: Portrait) -> None:
    assert narrowed(portrait, 0.5) > narrowed(portrait, 1.0) + 0.06


@PEOPLE
def test_only_the_lower_face_moves(portrait: Portrait) -> None:
    changed = np.abs(drawn(portrait, Pose(1.0)).astype(int) - portrait.frame).max(-1) > 2
    eyes_end = int(portrait.points[[145, 374], 1].max())
    assert not changed[:eyes_end].any()
    rows, columns = np.nonzero(changed)
    low, high = portrait.points[:, :2].min(0), portrait.points[:, :2].max(0)
    size = portrait.axes.size_px
    assert columns.min() > low[0] - 0.08 * size and columns.max() < high[0] + 0.08 * size
    assert rows.max() < high[1] + 0.35 * size


def test_neck_and_collar_stay_while_the_jaw_moves() -> None:
    portrait = astronaut()
    chin = float(portrait.points[152, 1])
    below = round(chin + 0.13 * portrait.axes.size_px)
    shut, wide = (drawn(portrait, Pose(opening)).astype(int) for opening in (0.0, 1.0))
    assert np.abs(wide - shut)[round(chin) - 10 : round(chin)].max() > 20
    assert np.abs(wide - shut)[below:].max() <= 2


def test_a_smile_gives_way_to_speech() -> None:
    portrait = astronaut()
    silent, speaking = (
        mouth_seen_by_mesh(portrait, drawn(portrait, Pose(0.2, speaking=level)))[1]
        for level in (0.0, 1.0)
    )
    assert speaking < 0.97 * silent


@pytest.mark.parametrize(("corner", "outwards"), [(61, -1), (291, 1)])
def test_the_folds_of_a_smile_flatten_when_lips_round(corner: int, outwards: int) -> None:
    portrait = astronaut()
    x, y = portrait.points[corner, :2]
    size = portrait.axes.size_px
    x0, x1 = sorted(round(x + outwards * reach * size) for reach in (-0.02, 0.10))
    y0, y1 = round(y - 0.12 * size), round(y)

    def ridges(frame: NDArray[np.uint8]) -> float:
        """How much lines stand out from the skin beside the corner, in levels."""
        green = frame[..., 1].astype(np.float32)
        line = cv2.GaussianBlur(green, (0, 0), 1.5) - cv2.GaussianBlur(green, (0, 0), 6)
        return float(line[y0:y1, x0:x1].std())

    assert ridges(drawn(portrait, Pose(0.1, rounding=1))) < 0.5 * ridges(portrait.frame)


def test_lines_beside_the_jaw_stay_straight() -> None:
    portrait = drawing()
    frame = drawn(portrait, Pose(1.0))
    left = int(portrait.points[:, 0].min() - 0.1 * portrait.axes.size_px)
    right = int(portrait.points[:, 0].max() + 0.1 * portrait.axes.size_px)
    assert np.array_equal(frame[:, :left], portrait.frame[:, :left])
    assert np.array_equal(frame[:, right:], portrait.frame[:, right:])
