"""The noise levels of a window are those that the model and its distillations were trained on."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.multitalk.sampling.schedule import MAX_TIMESTEP, compute_timesteps
from presets.quality import PRESETS

STEPS, SHIFTS = st.integers(1, 100), st.floats(0.1, 20)


def test_four_steps_shifted_by_three() -> None:
    assert [round(level) for level in compute_timesteps(4, 3)] == [1000, 857, 601, 3, 0]


def test_without_a_shift_levels_are_evenly_spaced_and_then_hop_to_zero() -> None:
    assert compute_timesteps(4, 1) == pytest.approx([1000, 667, 334, 1, 0], rel=1e-6)


def test_a_single_step_goes_all_the_way() -> None:
    assert compute_timesteps(1, 7) == [MAX_TIMESTEP, 0.0]


@given(STEPS, SHIFTS)
def test_levels_fall_from_pure_noise_to_none(steps: int, shift: float) -> None:
    levels = compute_timesteps(steps, shift)
    assert len(levels) == steps + 1
    assert levels[0] == pytest.approx(MAX_TIMESTEP) and levels[-1] == 0
    assert all(before > after for before, after in pairwise(levels))


@given(STEPS, st.floats(1, 10), st.floats(1.1, 3))
def test_a_larger_shift_stays_longer_at_the_noisy_end(
    steps: int, shift: float, factor: float
) -> None:
    little, much = compute_timesteps(steps, shift), compute_timesteps(steps, shift * factor)
    assert all(a < b for a, b in zip(little[1:-1], much[1:-1], strict=True))


@given(STEPS, SHIFTS)
def test_levels_are_computed_in_single_precision_and_in_the_order_of_training(
    steps: int, shift: float
) -> None:
    u = np.linspace(1000, 1, steps).astype(np.float32) / np.float32(1000)
    s = np.float32(shift)
    wanted = s * u / (np.float32(1) + np.float32(shift - 1) * u) * np.float32(1000)
    assert compute_timesteps(steps, shift)[:-1] == pytest.approx(wanted.tolist(), rel=2e-7)


def test_the_last_step_of_every_quality_starts_nearly_without_noise() -> None:
    samplings = {name: preset.sampling for name, preset in PRESETS.items() if preset.sampling}
    last = {name: compute_timesteps(how.steps, how.shift)[-2] for name, how in samplings.items()}
    assert last == pytest.approx({"fast": 2.0, "balanced": 2.0, "best": 6.96}, abs=0.01)


@pytest.mark.parametrize(("steps", "shift"), [(0, 1.0), (-1, 1.0), (4, 0.0), (4, -2.0)])
def test_what_makes_no_levels_is_refused(steps: int, shift: float) -> None:
    with pytest.raises(ValueError, match="at least 1 step"):
        compute_timesteps(steps, shift)
