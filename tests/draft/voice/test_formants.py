"""Resonances are found where a voice was made with them."""

import numpy as np
import pytest

from inference.draft.voice.spectrum import HOPS_PER_S, measure_spectrum
from tests.support.synthetic_voice import AH, EE, OO, Floats, hiss, silence, vowel

INNER = slice(HOPS_PER_S // 10, -HOPS_PER_S // 10)  # without the ends of a sound


def resonances(sound: Floats) -> tuple[Floats, Floats]:
    spectrum = measure_spectrum(sound, len(sound) * HOPS_PER_S // 16_000)
    return spectrum.f1_hz[INNER], spectrum.f2_hz[INNER]


@pytest.mark.parametrize("pitch_hz", [95, 140])
@pytest.mark.parametrize(
    "wanted", [AH, EE, OO, (530, 1840, 2480), (660, 1720, 2410), (440, 1020, 2240)]
)
def test_the_first_two_resonances_of_a_vowel(wanted: tuple[int, int, int], pitch_hz: float) -> None:
    first, second = resonances(vowel(wanted, 0.6, pitch_hz))
    assert np.abs(first - wanted[0]).max() < 0.12 * wanted[0] + 15
    assert np.abs(second - wanted[1]).max() < 0.08 * wanted[1]


def test_resonances_that_have_melted_into_one_are_taken_apart() -> None:
    first, second = resonances(vowel((1000, 1060, 3000), 0.6))
    assert np.all(first < 1000) and np.all(second > 1060) and np.all(second < 1400)


def test_silence_has_no_resonances() -> None:
    first, second = resonances(silence(0.6))
    assert np.isnan(first).all() and np.isnan(second).all()


def test_they_do_not_depend_on_loudness() -> None:
    sound = vowel(AH, 0.6)
    loud, low = resonances(sound), resonances((0.01 * sound).astype(np.float32))
    assert np.allclose(loud, low, rtol=0.01)


def test_hiss_is_not_taken_for_a_vowel() -> None:
    first, _ = resonances(hiss(0.6))
    assert np.nanmedian(np.append(first, np.inf)) > 1500
