"""Guidance runs no pass that changes nothing, and exaggerates what the others differ by."""

import pytest
import torch
from torch import Tensor

from inference.multitalk.guidance import (
    FULL,
    NEITHER,
    NO_PROMPT,
    NO_VOICE,
    Branch,
    Guidance,
    Projection,
)
from presets.quality import PRESETS
from presets.schema import Sampling

BRANCHES = (FULL, NO_PROMPT, NO_VOICE, NEITHER)
SCALES = {
    (5, 4): (FULL, NO_PROMPT, NEITHER),
    (1, 2): (FULL, NO_VOICE),
    (3, 1): (FULL, NO_PROMPT),
    (1, 1): (FULL,),
}


def predictions(seed: int = 0, scale: float = 1.0) -> dict[Branch, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {b: scale * torch.randn(16, 3, 4, 6, generator=random) for b in BRANCHES}


@pytest.mark.parametrize(("scales", "branches"), SCALES.items())
def test_a_scale_of_one_costs_no_pass(
    scales: tuple[float, float], branches: tuple[Branch, ...]
) -> None:
    assert Guidance(*scales).branches == branches
    assert Sampling(4, 2, *scales).passes == len(branches)


@pytest.mark.parametrize(("text", "audio"), [(5, 4), (3, 1), (1, 1)])
def test_with_a_prompts_scale_it_is_the_three_pass_formula(text: float, audio: float) -> None:
    v = predictions()
    expected = v[NEITHER] + text * (v[FULL] - v[NO_PROMPT]) + audio * (v[NO_PROMPT] - v[NEITHER])
    torch.testing.assert_close(Guidance(text, audio).combine(v), expected)


@pytest.mark.parametrize("audio", [1, 2, 4])
def test_without_it_is_the_two_pass_formula(audio: float) -> None:
    v = predictions()
    expected = v[NO_VOICE] + audio * (v[FULL] - v[NO_VOICE])
    torch.testing.assert_close(Guidance(1, audio).combine(v), expected)


@pytest.mark.parametrize(("scales", "branches"), SCALES.items())
def test_only_the_passes_that_were_run_are_needed(
    scales: tuple[float, float], branches: tuple[Branch, ...]
) -> None:
    v = {branch: tensor for branch, tensor in predictions().items() if branch in branches}
    assert Guidance(*scales).combine(v).isfinite().all()


def test_projected_guidance_adds_what_is_orthogonal_and_no_more_than_allowed() -> None:
    v = predictions(scale=100.0)
    added = Guidance(3, 1, Projection(longest=55)).combine(v) - v[FULL]
    full = v[FULL] / v[FULL].norm()
    assert abs(float((added * full).sum())) < 1e-3 * float(added.norm())
    assert 0 < float(added.norm()) <= 2 * 55 * 1.0001


def test_projected_guidance_remembers_each_difference_at_its_full_length() -> None:
    first, second = predictions(1, scale=100.0), predictions(2)
    guide, kept = Guidance(1, 2, Projection(-0.75, 55.0)), Guidance(1, 2, Projection(0.0, 1e9))
    guide.combine(first)
    remembered = guide.combine(second)
    difference = (second[FULL] - second[NO_VOICE]) - 0.75 * (first[FULL] - first[NO_VOICE])
    difference *= min(1.0, 55.0 / float(difference.norm()))
    expected = kept.combine({FULL: second[FULL], NO_VOICE: second[FULL] - difference})
    torch.testing.assert_close(remembered, expected, rtol=1e-4, atol=1e-4)


def test_the_qualities_run_as_many_passes_as_published() -> None:
    passes = {name: p.sampling.passes for name, p in PRESETS.items() if p.sampling}
    assert passes == {"fast": 2, "balanced": 2, "best": 3}
