"""Levels are right, on time, and the same whether measured in few blocks or in many."""

import numpy as np
import pytest

import inference.draft.voice.spectrum as spectrum_module
from inference.draft.voice.spectrum import (
    HOPS_PER_S,
    Floats,
    Spectrum,
    measure_background_level,
    measure_loud_level,
    measure_spectrum,
    ramp,
    sum_levels,
)
from tests.support.synthetic_voice import AH, RATE_HZ, said, silence, vowel

BANDS = {"hum": 200, "first": 500, "back": 900, "middle": 1400, "front": 2500, "hiss": 5500}


def sine(frequency_hz: float, peak: float = 1.0) -> Floats:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    return (peak * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def levels(spectrum: Spectrum, hop: int) -> dict[str, float]:
    return {band: float(getattr(spectrum, band)[hop]) for band in BANDS}


@pytest.mark.parametrize("band", BANDS)
def test_a_tone_sounds_in_its_own_band(band: str) -> None:
    heard = levels(measure_spectrum(sine(BANDS[band], 0.1), HOPS_PER_S), HOPS_PER_S // 2)
    assert heard.pop(band) == pytest.approx(-23.0, abs=0.3)  # RMS of a sine that peaks at -20 dB
    assert max(heard.values()) < -60


def test_levels_are_on_time() -> None:
    click = silence(1.0)
    click[RATE_HZ // 2] = 1
    assert np.argmax(measure_spectrum(click, HOPS_PER_S).voice) == HOPS_PER_S // 2


def test_before_and_after_the_sound_it_is_silent() -> None:
    voice = measure_spectrum(vowel(AH, 0.5), 2 * HOPS_PER_S).voice
    assert voice[20:80].min() > -30
    assert voice[110:].max() < -100


def test_blocks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, _ = said(vowel(AH, 0.5), silence(0.2), vowel(AH, 0.8))
    whole = measure_spectrum(sound, 300)
    monkeypatch.setattr(spectrum_module, "_BLOCK_HOPS", 37)
    pieces = measure_spectrum(sound, 300)
    for name in (*BANDS, "f1_hz", "f2_hz"):
        assert np.allclose(
            getattr(whole, name), getattr(pieces, name), rtol=1e-4, atol=1e-3, equal_nan=True
        )


def test_total_adds_powers() -> None:
    level = np.full(3, -20, np.float32)
    assert np.allclose(sum_levels(level, level), -17, atol=0.02)


def test_ramp_runs_either_way() -> None:
    values = np.array([-1, 0, 1, 2, 3], np.float32)
    assert np.allclose(ramp(values, 0, 2), [0, 0, 0.5, 1, 1])
    assert np.allclose(ramp(values, 2, 0), [1, 1, 0.5, 0, 0])


def test_loud_and_background_levels_do_not_depend_on_silence_around() -> None:
    noise = np.random.default_rng(1).standard_normal(2 * RATE_HZ).astype(np.float32)
    speech, _ = said(vowel(AH, 0.4), silence(0.2), vowel(AH, 0.4), silence(0.2), vowel(AH, 0.8))
    speech += 0.001 * noise
    alone = measure_spectrum(speech, 400).voice
    among = measure_spectrum(
        np.concatenate([silence(20), speech, silence(5)]), 27 * HOPS_PER_S
    ).voice
    loud_db = measure_loud_level(alone)
    assert loud_db == pytest.approx(float(np.median(alone[10:70])), abs=2)
    assert measure_loud_level(among) == pytest.approx(loud_db, abs=0.5)
    background_db = measure_background_level(alone, loud_db)
    assert background_db < loud_db - 30
    assert measure_background_level(among, loud_db) == pytest.approx(background_db, abs=2)


def test_a_click_is_not_loud_speech() -> None:
    speech = 0.1 * vowel(AH, 1.0)
    clicked = speech.copy()
    clicked[RATE_HZ // 2] = 1
    loud_db = measure_loud_level(measure_spectrum(speech, HOPS_PER_S).voice)
    assert measure_loud_level(measure_spectrum(clicked, HOPS_PER_S).voice) == pytest.approx(
        loud_db, abs=1
    )


def test_pure_silence_has_levels_too() -> None:
    voice = measure_spectrum(silence(1.0), HOPS_PER_S).voice
    assert np.isfinite(voice).all()
    assert measure_background_level(voice, measure_loud_level(voice)) < measure_loud_level(voice)
