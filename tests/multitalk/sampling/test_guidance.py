"""Guidance runs the passes that its scales need, and combines them as MultiTalk does."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from inference.multitalk.sampling.guidance import (
    FULL,
    NEITHER,
    NO_PROMPT,
    NO_VOICE,
    Branch,
    Guidance,
    Projection,
)
from presets.quality import PRESETS

BRANCHES = (FULL, NO_PROMPT, NO_VOICE, NEITHER)


def predictions(seed: int, branches: tuple[Branch, ...] = BRANCHES) -> dict[Branch, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        branch: torch.randn(16, 3, 4, 4, generator=generator, dtype=torch.float64)
        for branch in branches
    }


@pytest.mark.parametrize(
    ("text", "audio", "branches"),
    [
        (1, 1, (FULL,)),
        (5, 1, (FULL, NO_PROMPT)),
        (1, 4, (FULL, NO_VOICE)),
        (5, 4, (FULL, NO_PROMPT, NEITHER)),
    ],
)
def test_a_scale_that_is_off_costs_no_pass(
    text: float, audio: float, branches: tuple[Branch, ...]
) -> None:
    assert Guidance(text, audio).branches == branches


def test_without_guidance_the_full_prediction_is_taken_as_it_is() -> None:
    given = predictions(0, (FULL,))
    assert Guidance(1, 1, Projection()).combine(given).equal(given[FULL])


def test_three_passes_build_up_from_the_one_without_prompt_and_voice() -> None:
    given = predictions(1)
    c, t, u = given[FULL], given[NO_PROMPT], given[NEITHER]
    torch.testing.assert_close(Guidance(5, 4).combine(given), u + 5 * (c - t) + 4 * (t - u))


def test_the_voice_alone_builds_up_from_the_pass_without_it() -> None:
    given = predictions(2)
    c, a = given[FULL], given[NO_VOICE]
    torch.testing.assert_close(Guidance(1, 2).combine(given), a + 2 * (c - a))


def test_the_prompt_alone_builds_up_from_the_pass_without_it() -> None:
    given = predictions(3)
    c, t = given[FULL], given[NO_PROMPT]
    torch.testing.assert_close(Guidance(5, 1).combine(given), t + 5 * (c - t))


def plainly_projected(
    steps: list[Mapping[Branch, Tensor]], text: float, audio: float, projection: Projection
) -> list[Tensor]:
    """Each step's guided velocity by the spec's words (section 7, APG) for three passes."""
    buffers = [torch.zeros_like(steps[0][FULL]) for _ in range(2)]
    out = []
    for step in steps:
        c, t, u = step[FULL], step[NO_PROMPT], step[NEITHER]
        v, unit = c, c / c.norm()
        terms = zip((text, audio), (c - t, t - u), buffers, strict=True)
        for scale, difference, buffer in terms:
            buffer.mul_(projection.momentum).add_(difference)
            short = buffer * min(1.0, projection.max_norm / float(buffer.norm()))
            v = v + (scale - 1) * (short - (short * unit).sum() * unit)
        out.append(v)
    return out


@pytest.mark.parametrize("longest", [55.0, 10.0])
def test_projected_guidance_remembers_each_term_by_itself(longest: float) -> None:
    steps: list[Mapping[Branch, Tensor]] = [predictions(seed) for seed in range(4)]
    projection = Projection(max_norm=longest)
    guidance = Guidance(5, 4, projection)
    combined = [guidance.combine(step) for step in steps]
    for ours, plain in zip(combined, plainly_projected(steps, 5, 4, projection), strict=True):
        torch.testing.assert_close(ours, plain)


def test_only_what_is_orthogonal_to_the_full_prediction_is_added() -> None:
    given = predictions(5)
    added = Guidance(5, 4, Projection()).combine(given) - given[FULL]
    assert added.norm() > 1
    cosine = (added * given[FULL]).sum() / added.norm() / given[FULL].norm()
    assert abs(float(cosine)) < 1e-9


def test_what_is_added_is_cut_to_its_longest_but_remembered_in_full() -> None:
    full, across = torch.zeros(16, 3, 4, 4), torch.zeros(16, 3, 4, 4)
    full[0, 0, 0, 0], across[1, 0, 0, 0] = 3, 100
    guidance = Guidance(1, 2, Projection(momentum=-0.75, max_norm=55))
    lengths = [
        float((guidance.combine({FULL: full, NO_VOICE: full - across}) - full).norm())
        for _ in range(2)
    ]
    assert lengths == pytest.approx([55, 25])  # 100 and 100 - 0.75 * 100


def test_a_new_window_remembers_nothing_of_the_one_before() -> None:
    given = predictions(6)
    used = Guidance(5, 4, Projection())
    first, second = used.combine(given), used.combine(given)
    assert not second.equal(first)
    assert Guidance(5, 4, Projection()).combine(given).equal(first)


def test_passes_that_agree_add_nothing() -> None:
    full = predictions(7)[FULL]
    same = dict.fromkeys(BRANCHES, full)
    assert Guidance(5, 4, Projection()).combine(same).equal(full)


def test_every_quality_runs_as_many_passes_as_it_is_planned_with() -> None:
    for preset in PRESETS.values():
        if how := preset.sampling:
            branches = Guidance(how.text_guidance, how.audio_guidance).branches
            assert len(branches) == how.passes == {"best": 3}.get(preset.name, 2)
