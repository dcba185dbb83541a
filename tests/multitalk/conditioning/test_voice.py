"""The voice as the model hears it: one loudness, its own statistics, a row of features a frame."""

import math

import numpy as np
import pyloudnorm
import pytest

from inference.core.errors import InputCode, InputError
from inference.multitalk.conditioning.voice import (
    TARGET_LUFS,
    Floats,
    encode_voice,
    measure_loudness,
    normalise_loudness,
    standardise,
)
from inference.multitalk.models.encoders import AUDIO_RATE_HZ
from tests.support.tiny_networks import loaded


def tone(seconds: float, amplitude: float, hz: float = 997) -> Floats:
    time_s = np.arange(round(seconds * AUDIO_RATE_HZ)) / AUDIO_RATE_HZ
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * time_s), np.float32)


def babble(seconds: float, level: float, seed: int = 1) -> Floats:
    """Noise of RMS `level`, 1 being full scale, that comes and goes four times a second."""
    samples = round(seconds * AUDIO_RATE_HZ)
    swell = 1 + np.sin(np.arange(samples) * 8 * np.pi / AUDIO_RATE_HZ)
    draw = np.random.default_rng(seed)
    return np.asarray(level * swell / 1.22 * draw.normal(size=samples), np.float32)


def measured(wave: Floats) -> float:
    return float(pyloudnorm.Meter(AUDIO_RATE_HZ).integrated_loudness(wave))


def test_a_full_tone_reads_as_the_standard_says() -> None:
    assert measure_loudness(tone(2, 1.0)) == pytest.approx(
        -3.01, abs=0.1
    )  # BS.1770: 997 Hz, one channel


@pytest.mark.parametrize("level", [0.002, 0.02, 0.3])
def test_any_voice_is_brought_to_the_same_loudness(level: float) -> None:
    wave = babble(2, level)
    assert abs(measured(wave) - TARGET_LUFS) > 1
    assert TARGET_LUFS == -23
    assert measured(normalise_loudness(wave)) == pytest.approx(TARGET_LUFS, abs=0.01)


def test_loudness_is_that_of_the_part_that_sounds() -> None:
    silence = np.zeros(3 * AUDIO_RATE_HZ, np.float32)
    cough = babble(1, 0.9, seed=2)
    wave = np.concatenate([silence, babble(2, 0.05), cough])
    part = slice(3 * AUDIO_RATE_HZ, 5 * AUDIO_RATE_HZ)
    raised = normalise_loudness(wave, part)
    assert raised.dtype == np.float32 and len(raised) == len(wave)
    assert measured(raised[part]) == pytest.approx(TARGET_LUFS, abs=0.01)
    np.testing.assert_allclose(raised / raised.std(), wave / wave.std(), atol=1e-5)


@pytest.mark.parametrize("amplitude", [0.0, 1e-30, 1e-9, 1e-5])
def test_silence_and_near_silence_stay_as_they_are(amplitude: float) -> None:
    wave = babble(1, amplitude)
    kept = normalise_loudness(wave)
    assert np.array_equal(kept, wave) and np.isfinite(kept).all()


def test_what_is_shorter_than_a_block_of_the_standard_stays_as_it_is() -> None:
    wave = babble(0.39, 0.3)
    assert measure_loudness(wave) == -math.inf
    assert np.array_equal(normalise_loudness(wave), wave)
    assert not np.array_equal(normalise_loudness(babble(0.4, 0.3)), babble(0.4, 0.3))


def test_statistics_are_those_of_the_part_that_sounds() -> None:
    wave = np.concatenate([np.zeros(9000, np.float32), babble(1, 0.1) + np.float32(0.2)])
    part = slice(9000, len(wave))
    out = standardise(wave, part)
    assert out.dtype == np.float32
    assert out[part].mean() == pytest.approx(0, abs=1e-5)
    assert out[part].var() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(out[:9000], out[0])  # silence is still a constant
    assert not np.allclose(standardise(wave)[part], out[part], atol=0.1)


@pytest.mark.parametrize("level", [0.0, 1e-30])
def test_silence_has_no_features_that_are_not_numbers(level: float) -> None:
    features = encode_voice(loaded().networks.audio, babble(1, level), slice(None))
    assert features.isfinite().all()


@pytest.mark.parametrize("frames", [21, 25, 101])
def test_there_is_a_row_for_each_frame(frames: int) -> None:
    wave = babble(frames / 25, 0.1)
    features = encode_voice(loaded().networks.audio, wave, slice(0, len(wave)))
    sizes = loaded().networks.transformer.params
    assert features.shape == (frames, sizes.audio_layers, sizes.audio_channels)
    assert features.std() > 0.1


def test_how_loud_the_recording_is_makes_no_difference() -> None:
    encoder, wave, part = loaded().networks.audio, babble(1, 0.05), slice(2000, 12_000)
    features = encode_voice(encoder, wave, part)
    louder = encode_voice(encoder, 4 * wave, part)
    assert (features - louder).abs().max() < 1e-3
    other = encode_voice(encoder, babble(1, 0.05, seed=2), part)
    assert (features - other).abs().max() > 0.01


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_sound_are_refused_in_a_sentence(broken: float) -> None:
    wave = babble(1, 0.1)
    wave[5000] = broken
    with pytest.raises(InputError, match="Export it again") as caught:
        encode_voice(loaded().networks.audio, wave, slice(0, 100))
    assert caught.value.code == InputCode.NOT_A_RECORDING


@pytest.mark.parametrize("at", [0, 500, 16_000])
def test_a_voice_that_was_trimmed_away_is_a_listeners(at: int) -> None:
    silence = np.zeros(16_000, np.float32)
    features = encode_voice(loaded().networks.audio, silence, slice(at, at))
    assert features.isfinite().all()
    assert features.equal(encode_voice(loaded().networks.audio, silence, slice(None)))
