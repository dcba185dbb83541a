"""Pitch and stress are found where a voice was made with them."""

import numpy as np
import pytest

from inference.draft.voice.prosody import find_stress, measure_rise
from inference.draft.voice.speech import analyse
from tests.support.synthetic_voice import AH, RATE_HZ, Floats, said, silence, vowel


def rise_of(sound: Floats) -> Floats:
    return analyse(sound, len(sound) * 25 // RATE_HZ).rise


@pytest.mark.parametrize("usual_hz", [100, 200])
def test_a_higher_voice_is_a_rise_and_the_usual_one_is_none(usual_hz: float) -> None:
    low, high = (vowel(AH, 0.6, pitch) for pitch in (usual_hz, 1.35 * usual_hz))
    rise = rise_of(said(low, high, low, low, silence(0.4))[0])
    assert rise[18:27].min() > 0.6
    assert rise[3:10].max() < 0.1 and rise[35:55].max() < 0.1 and rise[62:].max() < 0.1


def test_noise_and_silence_have_no_pitch() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    loud = np.ones(25, np.float32)
    for sound in (noise, silence(1.0), silence(0)):
        assert measure_rise(sound, loud, 0.0).max() < 0.3


def test_a_louder_word_is_stressed_and_an_even_voice_is_not() -> None:
    even = np.full(150, 0.5, np.float32)
    word = even.copy()
    word[70:80] = 1
    flat = np.zeros_like(even)
    assert find_stress(even, flat).max() == 0
    stress = find_stress(word, flat)
    assert abs(int(stress.argmax()) - 75) <= 2 and stress.max() > 0.8
    assert stress[:55].max() < 0.05 and stress[95:].max() < 0.05
