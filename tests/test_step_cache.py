"""Skipped steps are known before the run, and reuse what their own branch added."""

from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inference.multitalk.step_cache import ESTIMATORS, StepCache, computed_steps
from tests.plain.step_cache import decisions


@settings(deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(2, 40),
    st.sampled_from(["multitalk-480", "multitalk-720"]),
    st.booleans(),
    st.floats(0.05, 0.6),
    st.integers(1, 3),
)
def test_the_steps_are_those_of_the_original_for_every_branch(
    seed: int,
    steps: int,
    size: Literal["multitalk-480", "multitalk-720"],
    ret: bool,
    threshold: float,
    passes: int,
) -> None:
    random = torch.Generator().manual_seed(seed)
    drift = 0.03 * torch.randn(steps, 6, 8, generator=random).cumsum(0)
    embeddings = torch.randn(1, 6, 8, generator=random) + drift
    computed = computed_steps(embeddings, threshold, ESTIMATORS[size, ret])
    plain = decisions(embeddings, size, threshold, ret, passes)
    assert plain == [[step] * passes for step in computed]


def test_some_are_skipped_where_little_changes() -> None:
    embeddings = torch.ones(12, 6, 4) + 0.06 * torch.arange(12)[:, None, None]
    computed = computed_steps(embeddings, 0.3)
    assert all(computed[:5]) and not all(computed)


@pytest.mark.parametrize("branches", [("full", "silent"), ("full", "plain", "neither")])
def test_a_skipped_step_adds_what_its_own_branch_added_last(branches: tuple[str, ...]) -> None:
    cache = StepCache([True, True, False, False, True])
    runs = []

    def blocks(x: Tensor) -> Tensor:
        runs.append(1)
        return x + len(runs)  # every run adds something else

    outs = [
        [float(cache.run(branch, step, torch.zeros(1), blocks)) for branch in branches]
        for step in range(5)
    ]
    count = len(branches)
    assert len(runs) == 3 * count
    assert outs[1] == outs[2] == outs[3] == [count + 1.0 + i for i in range(count)]


def test_a_run_without_skipped_steps_keeps_nothing() -> None:
    cache = StepCache([True, True])
    cache.run("full", 0, torch.zeros(1), lambda x: x + 1)
    assert not cache._added
