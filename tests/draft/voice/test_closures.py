"""Lips that close are heard, when they do, and mostly told from the tongue."""

import numpy as np
import pytest

from inference.draft.voice.closures import Closure, find_closures
from inference.draft.voice.spectrum import HOPS_PER_S, measure_loud_level, measure_spectrum
from tests.support.synthetic_voice import (
    AH,
    EE,
    RATE_HZ,
    Floats,
    between_lips,
    hiss,
    murmur,
    said,
    silence,
    vowel,
)

OPEN = between_lips(vowel(AH, 0.3))


def closures(sound: Floats) -> list[Closure]:
    spectrum = measure_spectrum(sound, len(sound) * HOPS_PER_S // RATE_HZ)
    return find_closures(spectrum, measure_loud_level(spectrum.voice))


def certainty(sound: Floats) -> float:
    return max((closure.certainty for closure in closures(sound)), default=0.0)


@pytest.mark.parametrize("gap_s", [0.05, 0.08, 0.12])
def test_a_gap_is_a_closure_and_lasts_as_long(gap_s: float) -> None:
    sound, _ = said(OPEN, silence(gap_s), OPEN)
    (closure,) = closures(sound)
    assert closure.certainty == 1
    assert closure.start / HOPS_PER_S == pytest.approx(0.3, abs=0.015)
    assert closure.end / HOPS_PER_S == pytest.approx(0.3 + gap_s, abs=0.015)


@pytest.mark.parametrize("lips", [AH, EE])
def test_a_murmur_is_a_closure(lips: tuple[int, int, int]) -> None:
    sound, _ = said(vowel(AH, 0.3), murmur(1300, 0.07), vowel(lips, 0.3))
    closure = max(closures(sound), key=lambda found: found.certainty)
    assert closure.certainty > 0.8
    assert closure.start / HOPS_PER_S == pytest.approx(0.3, abs=0.02)
    assert closure.end / HOPS_PER_S == pytest.approx(0.37, abs=0.02)


def test_a_murmur_after_silence_is_a_closure() -> None:
    sound, _ = said(silence(0.4), murmur(1300, 0.08), vowel(AH, 0.4))
    assert certainty(sound) > 0.8


def test_a_gap_that_ends_with_hiss_is_the_tongues() -> None:
    bright = vowel((400, 1900, 2600), 0.3)
    tongue, _ = said(bright, silence(0.05), hiss(0.06), bright)
    lips, _ = said(between_lips(bright), silence(0.11), between_lips(bright))
    assert certainty(tongue) < 0.5
    assert certainty(lips) > 0.9


def test_a_pause_is_no_closure() -> None:
    sound, _ = said(OPEN, silence(0.5), OPEN)
    assert closures(sound) == []


def test_steady_vowels_noise_and_silence_are_no_closures() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    for sound in (vowel(AH, 1.0), vowel(EE, 1.0), 0.1 * noise, silence(1.0), hiss(1.0)):
        assert certainty(np.asarray(sound, np.float32)) == 0


def test_a_voice_that_wavers_is_no_closure() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    wavering = vowel(AH, 1.0) * (0.7 + 0.3 * np.sin(2 * np.pi * 5 * time_s))
    assert certainty(wavering.astype(np.float32)) == 0
