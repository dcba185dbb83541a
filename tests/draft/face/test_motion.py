"""Blinks and head motion over time."""

import numpy as np

from inference.core.timing import FPS
from inference.draft.face.motion import generate_head_motion

SILENCE = np.zeros(40 * FPS, np.float32)
SPEECH = np.clip(np.sin(np.arange(40 * FPS) * 0.9), 0, 1).astype(np.float32)


def test_the_same_seed_gives_the_same_motion_and_another_another() -> None:
    one, again, other = (generate_head_motion(SPEECH, SPEECH, seed) for seed in (7, 7, 8))
    assert np.array_equal(one.lids, again.lids) and np.array_equal(one.head, again.head)
    assert not np.array_equal(one.lids, other.lids)
    assert not np.array_equal(one.head, other.head)


def test_people_blink_every_few_seconds_and_mostly_look() -> None:
    lids = generate_head_motion(SILENCE, SILENCE, 1).lids
    blinks = np.count_nonzero((lids[1:] == 1) & (lids[:-1] < 1))
    assert 6 <= blinks <= 24
    assert (lids == 0).mean() > 0.8
    assert lids[0] == 0 and lids.max() <= 1


def test_silence_is_not_stillness_but_small_and_smooth() -> None:
    head = generate_head_motion(SILENCE, SILENCE, 1).head
    assert head.dtype == np.float32 and head.shape == (len(SILENCE), 5)
    assert (head.std(0) > 1e-3).all()
    assert np.abs(head[:, :2]).max() < 0.02  # face heights
    assert np.abs(head[:, 2:]).max() < 0.08  # radians
    assert np.abs(np.diff(head, axis=0)).max() < 0.012


def test_speech_nods() -> None:
    loud = generate_head_motion(SPEECH, SPEECH, 1).head
    quiet = generate_head_motion(SILENCE, SILENCE, 1).head
    assert np.abs(np.diff(loud[:, 4])).mean() > np.abs(np.diff(quiet[:, 4])).mean()


def test_a_single_frame_works() -> None:
    assert generate_head_motion(SILENCE[:1], SILENCE[:1], 1).head.shape == (1, 5)
