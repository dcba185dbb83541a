"""One face that speaks."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.draft.performer import Performer
from inference.draft.voice.speech import MouthCurves
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
