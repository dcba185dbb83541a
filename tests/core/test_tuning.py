"""Own steps and guidance replace a quality's, and only within its bounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.core.errors import InputError
from inference.core.options import LABELS, Tuning
from presets.quality import PRESETS
from presets.schema import Bounds, Preset, Range, Sampling

FINALS = [preset for preset in PRESETS.values() if preset.sampling]
NUMBERS = st.none() | st.floats(allow_nan=True) | st.sampled_from([1, 2, 5, 10, 12, 100])


@given(
    preset=st.sampled_from(FINALS),
    steps=st.none() | st.integers(-10, 200),
    text=NUMBERS,
    audio=NUMBERS,
)
def test_what_is_allowed_is_what_is_sampled_with(
    preset: Preset, steps: int | None, text: float | None, audio: float | None
) -> None:
    tuning, bounds = Tuning(steps, text, audio), preset.bounds
    values = [(steps, bounds.steps), (text, bounds.text_guidance), (audio, bounds.audio_guidance)]
    allowed = all(v is None or within.minimum <= v <= within.maximum for v, within in values)
    try:
        tuning.require_within(bounds, preset.title)
    except InputError as refusal:
        assert not allowed
        assert preset.title in refusal.message and "Use " in refusal.message
        return
    assert allowed and preset.sampling
    sampling = tuning.apply(preset.sampling)
    usual = preset.sampling
    assert sampling.steps == (usual.steps if steps is None else steps)
    assert sampling.text_guidance == (usual.text_guidance if text is None else text)
    assert sampling.audio_guidance == (usual.audio_guidance if audio is None else audio)
    assert (sampling.loras, sampling.shift) == (usual.loras, usual.shift)
    assert 1 <= sampling.computed_steps * sampling.passes <= 300


def test_a_quality_s_own_values_are_allowed_and_kept() -> None:
    for preset in FINALS:
        Tuning().require_within(preset.bounds)
        assert preset.sampling and Tuning().apply(preset.sampling) == preset.sampling


def test_what_was_distilled_is_guided_by_the_words_already() -> None:
    for preset in FINALS:
        assert preset.sampling
        fixed = preset.bounds.text_guidance == Range(1, 1)
        assert fixed == bool(preset.sampling.loras)


def test_a_quality_can_not_lie_outside_its_own_bounds() -> None:
    narrow = Bounds(steps=Range(2, 3))
    with pytest.raises(ValueError, match="out of its bounds"):
        Preset("x", "X", FINALS[0].engine, Sampling(4, 2, 1, 2), 25, 1.0, 1.0, narrow)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.99, 10.01])
def test_no_quality_takes_what_is_no_guidance(value: float) -> None:
    with pytest.raises(InputError, match=LABELS["audio_guidance"]):
        Tuning(audio_guidance=value).require_within(Bounds())
