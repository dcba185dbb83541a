"""Blinks, brows, gaze and head motion over time."""

from dataclasses import replace

import numpy as np
import pytest

from inference.core.timing import FPS
from inference.draft.face.motion import HeadMotion, generate_head_motion
from inference.draft.face.warp import Floats
from inference.draft.voice.speech import MouthCurves

SILENCE = np.zeros(40 * FPS, np.float32)
SPEECH = np.clip(np.sin(np.arange(40 * FPS) * 0.9), 0, 1).astype(np.float32)


def curves(loudness: Floats) -> MouthCurves:
    nothing = np.zeros_like(loudness)
    return MouthCurves(loudness, nothing, nothing, nothing, nothing, loudness, nothing, nothing)


def moved(loudness: Floats, seed: int) -> HeadMotion:
    return generate_head_motion(curves(loudness), seed)


def test_the_same_seed_gives_the_same_motion_and_another_another() -> None:
    one, again, other = (moved(SPEECH, seed) for seed in (7, 7, 8))
    assert np.array_equal(one.lids, again.lids) and np.array_equal(one.head, again.head)
    assert not np.array_equal(one.lids, other.lids)
    assert not np.array_equal(one.head, other.head)


def test_people_blink_every_few_seconds_and_mostly_look() -> None:
    lids = moved(SILENCE, 1).lids
    blinks = np.count_nonzero((lids[1:] == 1) & (lids[:-1] < 1))
    assert 6 <= blinks <= 24
    assert (lids == 0).mean() > 0.8
    assert lids[0] == 0 and lids.max() <= 1


def test_silence_is_not_stillness_but_small_and_smooth() -> None:
    head = moved(SILENCE, 1).head
    assert head.dtype == np.float32 and head.shape == (len(SILENCE), 5)
    assert (head.std(0) > 1e-3).all()
    assert np.abs(head[:, :2]).max() < 0.02  # face heights
    assert np.abs(head[:, 2:]).max() < 0.08  # radians
    assert np.abs(np.diff(head, axis=0)).max() < 0.012


def test_speech_nods() -> None:
    loud = moved(SPEECH, 1).head
    quiet = moved(SILENCE, 1).head
    assert np.abs(np.diff(loud[:, 4])).mean() > np.abs(np.diff(quiet[:, 4])).mean()


def test_a_single_frame_works() -> None:
    assert moved(SILENCE[:1], 1).head.shape == (1, 5)


def test_the_head_takes_another_direction_on_a_stressed_word_and_brows_rise_with_the_pitch() -> (
    None
):
    stress, rise = np.zeros_like(SPEECH), np.zeros_like(SPEECH)
    stress[[198, 199, 200, 201, 202]] = 0.4, 0.8, 1.0, 0.8, 0.4
    rise[500:510] = 1
    plain, said = curves(SPEECH), replace(curves(SPEECH), stress=stress, rise=rise)
    before, after = (generate_head_motion(each, 1) for each in (plain, said))
    turned = np.abs(after.head - before.head)[:, 3]
    assert turned[:180].max() < 1e-3 and 0.005 < turned[220:].min() and turned.max() < 0.04
    assert np.abs(np.diff(after.head, axis=0)).max() < 0.03
    assert after.brows[500:510].min() > 0.5 and after.brows[300:400].max() == 0
    assert before.brows.max() == 0


def test_the_eyes_turn_against_the_head_so_that_the_gaze_holds() -> None:
    motion = moved(SPEECH, 1)
    assert np.corrcoef(motion.head[:, 3], motion.gaze[:, 0])[0, 1] < -0.95
    assert np.abs(motion.gaze).max() < 0.02  # face heights


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_listener_turns_eyes_and_head_to_the_speaker_and_blinks(side: float) -> None:
    look = np.zeros((len(SILENCE), 2), np.float32)
    look[300:600, 0] = side
    alone = moved(SILENCE, 1)
    listening = generate_head_motion(curves(SILENCE), 1, look)
    eyes, head = (side * (listening.gaze - alone.gaze)[:, 0], side * (listening.head - alone.head))
    assert eyes[320:580].min() > 0.01 and head[320:580, 3].min() > 0.04
    assert eyes[300] > 0.01 > head[300, 3] - 0.03  # the eyes go first
    assert np.abs(eyes[:280]).max() < 1e-4 and np.abs(head[:280, 3]).max() < 1e-3
    assert listening.lids[300:306].max() == 1
