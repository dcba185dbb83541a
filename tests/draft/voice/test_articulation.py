"""Lips move as bodies do, and are shut in time for a closure."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.draft.voice.articulation import Agility, Floats, follow
from inference.draft.voice.speech import analyse
from tests.draft.voice.test_speech import recording
from tests.support.media import VOICE_A, VOICE_B
from tests.support.synthetic_voice import RATE_HZ

SLOW = Agility(speed=0.2, acceleration=0.1)
MOST_STEP, MOST_SPIKE = 0.35, 0.15  # as shares of the range
BESIDE = 2  # frames on each side of a closure that count to it


def flicker(frames: int = 60) -> Floats:
    return np.asarray(np.random.default_rng(2).random(frames) > 0.5, np.float32)


def spikes(curve: Floats) -> Floats:
    """How far each inner frame is from the middle between its neighbours."""
    return np.abs(curve[1:-1] - (curve[:-2] + curve[2:]) / 2)


def outside_closures(closure: Floats) -> NDArray[np.bool_]:
    near = np.convolve(closure > 0.5, np.ones(2 * BESIDE + 1), "same")
    return np.asarray(near == 0, np.bool_)


def test_no_motion_is_faster_than_the_limits() -> None:
    curve = follow(flicker(), SLOW)
    assert np.abs(np.diff(curve)).max() < 1.02 * SLOW.speed
    assert spikes(curve).max() < 1.02 * SLOW.acceleration / 2
    assert curve.min() >= 0 and curve.max() <= 1


def test_a_motion_that_lips_can_follow_stays_as_it_is() -> None:
    calm = np.asarray(0.5 - 0.5 * np.cos(np.arange(60) / 6), np.float32)
    assert np.abs(follow(calm, SLOW) - calm).max() < 0.01


def test_a_motion_begins_before_the_sound_and_ends_after_it() -> None:
    sound = np.zeros(40, np.float32)
    sound[15:25] = 1
    curve = follow(sound, SLOW)
    assert curve[14] > 0.1 and curve[25] > 0.1 and curve[20] > 0.95
    assert np.abs(curve - curve[::-1]).max() < 0.01


def test_a_closure_is_shut_and_the_mouth_is_open_around_it() -> None:
    wide = np.ones(40, np.float32)
    wide[20] = 0
    curve = follow(wide, SLOW, closed=wide == 0)
    assert curve[20] == 0
    assert curve[17] > 0.9 and curve[23] > 0.9


def test_a_shape_that_is_not_heard_bends_to_those_that_are() -> None:
    shape = np.zeros(40, np.float32)
    shape[:18] = shape[22:] = 1
    trust = np.where(shape > 0, 1, 0.05).astype(np.float32)
    assert follow(shape, SLOW, trust).min() > follow(shape, SLOW).min() + 0.1


@pytest.mark.parametrize("path", [VOICE_A, VOICE_B], ids=lambda path: path.stem)
def test_a_real_voice_moves_the_lips_without_jumps(path: Path) -> None:
    sound = recording(path)
    curves = analyse(sound, len(sound) * 25 // RATE_HZ)
    low, high = np.percentile(curves.opening, [5, 95])
    free = outside_closures(curves.closure)
    for curve in (curves.opening / (high - low), curves.spreading - curves.rounding):
        assert np.abs(np.diff(curve))[free[1:] & free[:-1]].max() < MOST_STEP
        assert spikes(curve)[free[1:-1]].max() < MOST_SPIKE
