"""Which steps are skipped is as in MultiTalk, and each pass reuses what is its own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inference.multitalk.step_cache import ESTIMATORS, StepCache, computed_steps
from tests.plain.step_cache import POLYNOMIALS, SizeClass, decisions
from tests.small import live_tensors, random

MODES = sorted(POLYNOMIALS)


def embeddings(seed: int, steps: int, change: float) -> Tensor:
    """Time embeddings (steps, 6, c) that change by about `change` of themselves from step to step.

    In float64, so that the order of a sum decides nothing.
    """
    draw = np.random.default_rng(seed)
    first = draw.normal(size=(1, 6, 8))
    changes = change * draw.uniform(0.1, 2, (steps, 1, 1)) * draw.normal(size=(steps, 6, 8))
    return torch.from_numpy(first + np.cumsum(changes, 0))


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 40),
    change=st.floats(0.001, 0.2),
    threshold=st.floats(0, 0.6),
)
def test_steps_are_computed_where_each_pass_by_itself_would_compute_them(
    mode: tuple[SizeClass, bool], seed: int, steps: int, change: float, threshold: float
) -> None:
    e0 = embeddings(seed, steps, change)
    wanted = decisions(e0, mode[0], threshold, mode[1], passes=3)
    computed = computed_steps(e0, threshold, ESTIMATORS[mode])
    assert [[one] * 3 for one in computed] == wanted


@pytest.mark.parametrize("mode", MODES)
def test_some_steps_are_skipped_and_some_are_not(mode: tuple[SizeClass, bool]) -> None:
    computed = computed_steps(embeddings(1, 40, 0.1), 0.3, ESTIMATORS[mode])
    warm_up = ESTIMATORS[mode].warm_up
    assert all(computed[:warm_up])
    assert set(computed[warm_up:-1]) == {True, False}


def run(computed: list[bool], branches: tuple[str, ...]) -> dict[str, list[tuple[float, float]]]:
    """For each branch and step: the residual stream before, and what was added to it.

    If it is computed, step s adds 10 s + 1 in the first branch, 10 s + 2 in the second and so on.
    """
    cache, seen = StepCache(computed), dict[str, list[tuple[float, float]]]()
    for step in range(len(computed)):
        for number, branch in enumerate(branches, start=1):
            x = torch.full((1, 2, 3), 100.0 * step + number)

            def blocks(tokens: Tensor, added: int = 10 * step + number) -> Tensor:
                return tokens + added

            out = cache.run(branch, step, x, blocks)
            seen.setdefault(branch, []).append((float(x[0, 0, 0]), float((out - x)[0, 0, 0])))
    return seen


@pytest.mark.parametrize("branches", [("full",), ("full", "mute"), ("full", "blank", "neither")])
def test_a_skipped_step_adds_what_its_own_pass_last_computed(branches: tuple[str, ...]) -> None:
    seen = run([True, True, False, False, True, False], branches)
    for number, branch in enumerate(branches, start=1):
        added = [change for _, change in seen[branch]]
        assert added == [10 * step + number for step in (0, 1, 1, 1, 4, 4)]


def test_a_skipped_step_runs_no_blocks() -> None:
    cache, x = StepCache([True, False]), random(1, 1, 2, 3)
    cache.run("full", 0, x, lambda tokens: tokens + 1)

    def never(tokens: Tensor) -> Tensor:
        raise AssertionError("the blocks were run")

    assert cache.run("full", 1, x, never).equal(x + 1)


@pytest.mark.parametrize(
    ("computed", "kept"), [([True] * 3, 0), ([True, False, True], 0), ([True, True, False], 2)]
)
def test_nothing_is_kept_unless_the_next_step_needs_it(computed: list[bool], kept: int) -> None:
    size = (1, 7, 1009)  # of no other tensor
    cache = StepCache(computed)
    for step in range(len(computed)):
        for branch in ("full", "mute"):
            cache.run(branch, step, torch.zeros(size), lambda x: x + 1)
    assert len(live_tensors(*size)) == kept
