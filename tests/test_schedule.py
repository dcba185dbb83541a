"""Noise levels: as many as steps, from pure noise to none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.multitalk.schedule import timesteps
from presets.quality import PRESETS


@given(st.integers(2, 100), st.floats(0.5, 20))
def test_they_fall_from_noise_to_none(steps: int, shift: float) -> None:
    levels = timesteps(steps, shift)
    assert len(levels) == steps + 1 and levels[-1] == 0
    assert levels[0] == pytest.approx(1000)
    assert all(before > after for before, after in pairwise(levels))


def test_one_step_goes_all_the_way() -> None:
    assert timesteps(1, 7) == [1000, 0]


def test_the_last_step_of_every_quality_starts_nearly_without_noise() -> None:
    last = {
        name: timesteps(preset.sampling.steps, preset.sampling.shift)[-2]
        for name, preset in PRESETS.items()
        if preset.sampling
    }
    assert last == {
        "fast": pytest.approx(2.0, abs=0.01),
        "balanced": pytest.approx(2.0, abs=0.01),
        "best": pytest.approx(6.96, abs=0.01),
    }


@pytest.mark.parametrize(("steps", "shift"), [(0, 7), (4, 0), (4, -1)])
def test_no_steps_or_no_shift_is_an_error(steps: int, shift: float) -> None:
    with pytest.raises(ValueError, match="steps with shift"):
        timesteps(steps, shift)
