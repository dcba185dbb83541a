"""A voice is brought to one loudness by what sounds of it; no sound breaks that."""

import math

import numpy as np
import pytest
import torch

from inference.errors import InputCode, InputError
from inference.models.registry import MODELS, initialised
from inference.multitalk.voice import (
    Floats,
    levelled,
    loudness,
    standardised,
    voice_features,
)

RATE_HZ = 16_000
ENCODER = initialised(MODELS["multitalk-tiny"], 0).audio


def noise(seconds: float, amplitude: float = 0.1) -> Floats:
    wave = np.random.default_rng(0).normal(0, amplitude, int(seconds * RATE_HZ))
    return wave.astype(np.float32)


@pytest.mark.parametrize("amplitude", [0.001, 0.05, 0.5])
def test_every_voice_gets_the_same_loudness(amplitude: float) -> None:
    assert loudness(levelled(noise(2, amplitude))) == pytest.approx(-23, abs=0.01)


@pytest.mark.parametrize("wave", [np.zeros(32_000, np.float32), noise(2, 1e-7), noise(0.3)])
def test_silence_and_what_is_too_short_to_measure_stay_as_they_are(wave: Floats) -> None:
    assert loudness(wave) < -100 and np.array_equal(levelled(wave), wave)


def test_silence_around_a_voice_does_not_count() -> None:
    voice, sound = noise(2), slice(RATE_HZ, 3 * RATE_HZ)
    track = np.zeros(5 * RATE_HZ, np.float32)
    track[sound] = voice
    assert np.allclose(levelled(track, sound)[sound], levelled(voice))
    assert np.allclose(standardised(track, sound)[sound], standardised(voice), atol=1e-5)


def test_a_standardised_voice_has_mean_zero_and_variance_one() -> None:
    wave = standardised(noise(1) + np.float32(0.3))
    assert abs(wave.mean()) < 1e-5 and wave.std() == pytest.approx(1, abs=1e-3)


@torch.inference_mode()
@pytest.mark.parametrize("frames", [21, 30, 101])
def test_there_is_a_row_for_each_video_frame(frames: int) -> None:
    track = noise(frames / 25)
    features = voice_features(ENCODER, track, slice(0, len(track)))
    assert features.shape == (frames, 2, 16) and features.isfinite().all()


@torch.inference_mode()
@pytest.mark.parametrize("sound", [slice(0, 16_000), slice(500, 500), slice(0, 100)])
def test_a_listeners_silence_has_features_too(sound: slice) -> None:
    assert voice_features(ENCODER, np.zeros(16_000, np.float32), sound).isfinite().all()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_sound_is_refused(value: float) -> None:
    track = noise(1)
    track[5] = value
    with pytest.raises(InputError, match="values that are no sound") as caught:
        voice_features(ENCODER, track, slice(0, len(track)))
    assert caught.value.code is InputCode.NOT_A_RECORDING
