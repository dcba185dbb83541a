"""Which steps are skipped is as in MultiTalk, and each pass reuses what is its own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene, WindowState
from inference.multitalk.sampling.guidance import Branch, Guidance
from inference.multitalk.sampling.sampler import Motion, sample
from inference.multitalk.sampling.schedule import compute_timesteps
from inference.multitalk.sampling.step_cache import ESTIMATORS, StepCache, select_computed_steps
from presets.schema import Sampling
from tests.support.plain.step_cache import POLYNOMIALS, SizeClass, decisions
from tests.support.tiny_networks import (
    FRAMES,
    continued,
    fresh,
    live_tensors,
    pipeline,
    random,
    scene,
)

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
    computed = select_computed_steps(e0, threshold, ESTIMATORS[mode])
    assert [[one] * 3 for one in computed] == wanted


@pytest.mark.parametrize("mode", MODES)
def test_some_steps_are_skipped_and_some_are_not(mode: tuple[SizeClass, bool]) -> None:
    computed = select_computed_steps(embeddings(1, 40, 0.1), 0.3, ESTIMATORS[mode])
    warm_up = ESTIMATORS[mode].warm_up
    assert all(computed[:warm_up])
    assert set(computed[warm_up:-1]) == {True, False}


def run(computed: list[bool], branches: int) -> list[list[float]]:
    """For each branch and step: what was added to the residual stream.

    If it is computed, step s adds 10 s + 1 in the first branch, 10 s + 2 in the second and so on.
    """
    cache, seen = StepCache(computed), list[list[float]]()
    for step in range(len(computed)):
        streams = [torch.full((1, 2, 3), 100.0 * step + number) for number in range(branches)]

        def blocks(given: Sequence[Tensor], first: int = 10 * step + 1) -> list[Tensor]:
            return [x + first + number for number, x in enumerate(given)]

        out = cache.run(step, streams, blocks)
        seen.append([float((y - x)[0, 0, 0]) for x, y in zip(streams, out, strict=True)])
    return [list(of_branch) for of_branch in zip(*seen, strict=True)]


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_a_skipped_step_adds_what_its_own_pass_last_computed(branches: int) -> None:
    added = run([True, True, False, False, True, False], branches)
    assert added == [
        [10 * step + number for step in (0, 1, 1, 1, 4, 4)] for number in range(1, branches + 1)
    ]


def test_a_skipped_step_runs_no_blocks() -> None:
    cache, x = StepCache([True, False]), random(1, 1, 2, 3)
    cache.run(0, [x], plus_one)

    def never(streams: Sequence[Tensor]) -> Sequence[Tensor]:
        raise AssertionError("the blocks were run")

    (out,) = cache.run(1, [x], never)
    assert out.equal((x + 1 - x) + x)


def plus_one(streams: Sequence[Tensor]) -> list[Tensor]:
    return [x + 1 for x in streams]


SIZE = (1, 7, 1009)  # of no other tensor


@pytest.mark.parametrize(
    ("computed", "kept"), [([True] * 3, 0), ([True, False, True], 0), ([True, True, False], 2)]
)
def test_nothing_is_kept_unless_the_next_step_needs_it(computed: list[bool], kept: int) -> None:
    cache = StepCache(computed)
    for step in range(len(computed)):
        cache.run(step, [torch.zeros(SIZE), torch.zeros(SIZE)], plus_one)
    assert len(live_tensors(*SIZE)) == kept


def test_what_was_kept_is_gone_while_the_blocks_run() -> None:
    cache, during = StepCache([True, False, True]), list[int]()

    def counting(streams: Sequence[Tensor]) -> list[Tensor]:
        during.append(len(live_tensors(*SIZE)))
        return plus_one(streams)

    for step in range(3):
        cache.run(step, [torch.zeros(SIZE)], counting)
    assert during == [1, 1]  # the stream itself


# Of random weights, time embeddings change far more from step to step than trained ones: at this
# threshold 9 of 16 steps are computed, here and there.
TWO_PASSES = Sampling(16, shift=2, text_guidance=1, audio_guidance=2, step_cache=3000.0)
CACHED = {2: TWO_PASSES, 3: replace(TWO_PASSES, text_guidance=5, audio_guidance=4)}


def latents_of(how: Sampling, carried: WindowState) -> Tensor:
    return list(pipeline().denoise(scene(), PipelineOptions(how), 0, FRAMES, carried))[-1].latents


@contextmanager
def counted() -> Iterator[list[None]]:
    """One for each pass through the transformer's blocks."""
    runs: list[None] = []
    first = pipeline().transformer.blocks[0]
    hook = first.register_forward_pre_hook(lambda *_: runs.append(None))
    try:
        yield runs
    finally:
        hook.remove()


@pytest.mark.parametrize("passes", CACHED)
def test_a_step_cache_that_allows_no_change_changes_nothing(passes: int) -> None:
    without = latents_of(replace(CACHED[passes], step_cache=None), fresh())
    with counted() as runs:
        never = latents_of(replace(CACHED[passes], step_cache=0.0), fresh())
    assert never.equal(without) and len(runs) == 16 * passes


@pytest.mark.parametrize("passes", CACHED)
def test_a_step_cache_spares_runs_and_comes_close(passes: int) -> None:
    without = latents_of(replace(CACHED[passes], step_cache=None), fresh())
    with counted() as runs:
        cached = latents_of(CACHED[passes], fresh())
    assert len(runs) == 9 * passes
    change = (cached - without).norm() / without.norm()
    assert 0 < change < 0.2


@pytest.mark.parametrize("passes", CACHED)
@pytest.mark.parametrize("carried", [fresh, continued])
def test_each_pass_reuses_its_own_earlier_one(
    passes: int, carried: Callable[..., WindowState]
) -> None:
    """Against a cache written out by hand, which decides for every pass by itself."""
    model, here, sampling = pipeline(), scene(), CACHED[passes]
    cached = latents_of(sampling, carried())
    wanted = by_hand(model, here, sampling, carried(), passes)
    torch.testing.assert_close(cached, wanted, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def by_hand(
    model: Pipeline, here: Scene, sampling: Sampling, carried: WindowState, passes: int
) -> Tensor:
    shown = here.picture.unsqueeze(1) if carried.motion is None else carried.motion
    known = model.encode_known_frames(shown, FRAMES)
    levels = compute_timesteps(sampling.steps, sampling.shift)
    guidance = Guidance(sampling.text_guidance, sampling.audio_guidance)
    given = model.build_conditionings(here, guidance.branches, known, shown[:, -1], 0, FRAMES)
    transformer, added = model.transformer, dict[Branch, Tensor]()
    times = [transformer.embed_timestep(level) for level in levels[:-1]]
    e0 = torch.cat([time.blocks for time in times])
    computed = decisions(e0, "multitalk-480", sampling.step_cache or 0, True, passes)

    def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
        before, predicted = transformer.embed_patches(x, known), dict[Branch, Tensor]()
        for number, branch in enumerate(guidance.branches):
            if computed[step][number]:
                (after,) = transformer.run_blocks([before], times[step], [given[branch]])
                added[branch] = after - before
            predicted[branch] = transformer.predict_velocity(
                before + added[branch], times[step], x.shape
            )
        return predicted

    noise = torch.randn(known[4:].shape, generator=carried.generator)
    if carried.motion is None:
        return list(sample(velocities, noise, levels, guidance))[-1].latents
    held = known[4:, :2]
    noises = [torch.randn(held.shape, generator=carried.generator) for _ in levels]
    motion = Motion(held, torch.stack(noises))
    return list(sample(velocities, noise, levels, guidance, motion))[-1].latents
