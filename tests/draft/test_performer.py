"""One face that speaks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.core.errors import InputError
from inference.draft.performer import Performer
from inference.draft.voice.speech import MouthCurves
from inference.media import faces
from inference.media.portrait import find_landmarks
from tests.support.portraits import Portrait, astronaut, drawing, mouth_seen_by_mesh

FRAMES = 60


def curves(opening: NDArray[np.float32]) -> MouthCurves:
    nothing = np.zeros_like(opening)
    return MouthCurves(
        opening=opening,
        rounding=nothing,
        spreading=nothing,
        closure=nothing,
        teeth=nothing,
        energy=(opening > 0).astype(np.float32),
        rise=nothing,
        stress=nothing,
    )


def syllables() -> NDArray[np.float32]:
    return np.asarray(np.clip(np.sin(np.arange(FRAMES) * 0.7), 0, 1), np.float32)


def film(portrait: Portrait, opening: NDArray[np.float32], seed: int) -> list[NDArray[np.uint8]]:
    performer = Performer(portrait.frame, portrait.points, curves(opening), seed)
    frames = []
    for index in range(0, len(opening), 3):
        canvas = portrait.frame.copy()
        performer.draw_face(canvas, index)
        performer.move_head(canvas, index)
        frames.append(canvas)
    return frames


def test_the_same_seed_gives_the_same_frames() -> None:
    portrait = astronaut()
    one, again, other = (film(portrait, syllables(), seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_mouth_follows_the_speech_and_shuts_in_silence() -> None:
    portrait, opening = astronaut(), syllables()
    gaps = [mouth_seen_by_mesh(portrait, frame)[0] for frame in film(portrait, opening, 5)]
    assert np.corrcoef(gaps, opening[::3])[0, 1] > 0.95
    assert max(np.asarray(gaps)[opening[::3] == 0]) < 0.035


def test_a_silent_person_breathes_and_blinks_with_the_mouth_shut() -> None:
    portrait = astronaut()
    frames = film(portrait, np.zeros(FRAMES, np.float32), 5)
    assert max(mouth_seen_by_mesh(portrait, frame)[0] for frame in frames) < 0.035
    steps = [np.abs(a.astype(int) - b).max() for a, b in zip(frames, frames[1:], strict=False)]
    assert min(steps) > 0


@pytest.mark.parametrize("portrait", [astronaut, drawing])
def test_a_face_that_the_frame_cuts_is_drawn_or_its_mouth_asked_for(
    portrait: Callable[[], Portrait],
) -> None:
    """From the whole chin to nothing below the nose, and the same from above."""
    whole, told = portrait(), 0
    top, bottom = (int(whole.points[point, 1]) for point in (faces.NOSE_TIP, faces.CHIN))
    cuts = np.linspace(top, bottom, 8).astype(int)
    for cut in [*(slice(None, end) for end in cuts), *(slice(start, None) for start in cuts)]:
        frame, up = np.ascontiguousarray(whole.frame[cut]), cut.start or 0
        left, upper, right, lower = whole.box
        try:
            points = find_landmarks(frame, (left, upper - up, right, lower - up), 0.0)
        except InputError as error:
            told += "The mouth lies outside the frame. Adjust the framing" in error.message
        else:
            film(Portrait(frame, whole.box, points), syllables()[:6], 1)  # shut, then open
    assert told


def test_the_picture_is_not_written_to() -> None:
    portrait = drawing()
    before = portrait.frame.copy()
    film(portrait, syllables(), 1)
    assert np.array_equal(portrait.frame, before)


def test_a_smile_does_not_come_back_between_two_words() -> None:
    portrait, shut = drawing(), np.zeros(FRAMES, np.float32)
    words = (np.arange(FRAMES) % 12 < 6).astype(np.float32)
    performer = Performer(portrait.frame, portrait.points, replace(curves(shut), energy=words), 3)
    y, frames = round(float(portrait.points[2, 1])), []
    for index in (26, 33):  # within a word and after it
        canvas = portrait.frame.copy()
        performer.draw_face(canvas, index)
        frames.append(canvas[y:])
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], portrait.frame[y:])


@pytest.mark.parametrize("portrait", [astronaut(), drawing()], ids=["photo", "drawing"])
def test_a_face_that_the_frame_cuts_is_drawn_all_the_same(portrait: Portrait) -> None:
    height, width = portrait.frame.shape[:2]
    brow = int(portrait.points[[105, 334], 1].min())
    middle, lip = portrait.points[[61, 291], :2].mean(0).astype(int)
    chin = int(portrait.points[152, 1])
    ends = [(0, lip + 3), (0, lip + 12), (0, chin - 4), (0, chin + 3), (brow + 2, height)]
    for top, bottom in ends:
        check_cut(portrait, 0, top, width, bottom)
    check_cut(portrait, middle - 4, 0, width, height)
    check_cut(portrait, 0, 0, middle + 6, height)


def check_cut(portrait: Portrait, left: int, top: int, right: int, bottom: int) -> None:
    """Frames are drawn, and they differ."""
    frame = np.ascontiguousarray(portrait.frame[top:bottom, left:right])
    points = portrait.points - np.asarray([left, top, 0], np.float32)
    frames = film(replace(portrait, frame=frame, points=points), syllables()[:10], 1)
    assert not np.array_equal(frames[0], frames[1])
