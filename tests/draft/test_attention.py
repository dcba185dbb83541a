"""Who is silent looks at who speaks."""

import numpy as np

from inference.draft.attention import Floats, attend

FRAMES = 250
LEFT, RIGHT = (100.0, 200.0), (500.0, 200.0)


def spoken(first: int, end: int) -> Floats:
    energy = np.zeros(FRAMES, np.float32)
    energy[first:end] = 0.8
    return energy


def test_a_listener_looks_at_the_speaker_and_a_speaker_at_the_camera() -> None:
    left, right = attend([spoken(0, 100), spoken(150, 250)], [LEFT, RIGHT])
    assert left[185:, 0].min() > 0.95 and np.abs(left[:90]).max() < 0.05
    assert right[:60, 0].max() < -0.95 and np.abs(right[160:]).max() < 0.05
    assert np.abs(np.concatenate([left, right])[:, 1]).max() < 1e-6


def test_a_pause_between_words_is_no_reason_to_look_away() -> None:
    talk = np.maximum(spoken(0, 100), spoken(120, 250))
    _, listener = attend([talk, spoken(0, 0)], [LEFT, RIGHT])
    assert listener[:, 0].max() < -0.95


def test_two_who_speak_at_once_and_two_who_are_silent_look_at_the_camera() -> None:
    for energy in (spoken(0, 250), spoken(0, 0)):
        assert not np.concatenate(attend([energy, energy], [LEFT, RIGHT])).any()


def test_one_person_looks_at_the_camera() -> None:
    assert not attend([spoken(0, 100)], [LEFT])[0].any()


def test_the_shortest_video_has_a_listener_too() -> None:
    _, listener = attend([np.ones(21, np.float32), np.zeros(21, np.float32)], [LEFT, RIGHT])
    assert listener.shape == (21, 2) and listener[:, 0].max() < -0.95
