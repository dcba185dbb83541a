"""The denoising loop: Euler's steps, what is known held to what it is, ended when asked."""

import math

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
)
from inference.multitalk.sampling.sampler import Motion, sample
from inference.multitalk.sampling.schedule import compute_timesteps
from tests.support.tiny_networks import random

SIZE = (16, 3, 4, 4)  # c, t, h, w
LEVELS = compute_timesteps(6, 3)
UNGUIDED = (1.0, 1.0)


def test_each_step_is_one_of_eulers() -> None:
    noise, pull = random(1, *SIZE), 0.7

    def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
        return {FULL: pull * x}

    steps = list(sample(velocities, noise, LEVELS, Guidance(*UNGUIDED)))
    assert [denoised.step for denoised in steps] == list(range(len(LEVELS) - 1))
    for denoised in steps:
        hops = [LEVELS[i] - LEVELS[i + 1] for i in range(denoised.step + 1)]
        shrunk = math.prod(1 - pull * hop / 1000 for hop in hops)
        torch.testing.assert_close(denoised.latents, noise * shrunk)


def test_a_steps_number_is_that_of_its_level() -> None:
    asked = []

    def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
        asked.append(step)
        return {FULL: x, NO_PROMPT: x, NEITHER: x}

    list(sample(velocities, random(1, *SIZE), LEVELS, Guidance(5, 4)))
    assert asked == list(range(6))


def test_whoever_knows_the_video_sees_it_from_the_first_step_on() -> None:
    noise, video = random(1, *SIZE), random(2, *SIZE)

    def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
        return {FULL: (x - video) / (LEVELS[step] / 1000)}

    steps = list(sample(velocities, noise, LEVELS, Guidance(*UNGUIDED)))
    for denoised in steps:
        torch.testing.assert_close(denoised.predicted, video, atol=1e-5, rtol=1e-4)
    for denoised in steps[:-2]:  # the next to last level is almost 0
        assert (denoised.latents - video).norm() > 0.1 * (noise - video).norm()
    torch.testing.assert_close(steps[-1].latents, video, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("text", "audio"), [(1, 1), (1, 2), (5, 4)])
def test_a_step_goes_where_its_guidance_points(text: float, audio: float) -> None:
    guidance, noise = Guidance(text, audio), random(1, *SIZE)
    given = {branch: random(seed, *SIZE) for seed, branch in enumerate(guidance.branches)}
    (denoised,) = sample(lambda x, step: given, noise, [1000.0, 0.0], guidance)
    assert denoised.latents.equal(noise - guidance.combine(given))


def test_what_is_known_is_as_noisy_as_the_rest_and_ends_as_it_was_given() -> None:
    known, noises = random(3, 16, 2, 4, 4), random(4, len(LEVELS), 16, 2, 4, 4)
    seen: list[Tensor] = []

    def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
        seen.append(x)
        return {FULL: 3 * x, NO_VOICE: 3 * x}

    noise = random(1, *SIZE)
    steps = list(sample(velocities, noise, LEVELS, Guidance(1, 2), Motion(known, noises)))
    for step, x in enumerate(seen):
        sigma = LEVELS[step] / 1000
        torch.testing.assert_close(x[:, :2], (1 - sigma) * known + sigma * noises[step])
    assert seen[0][:, 2:].equal(noise[:, 2:])
    assert steps[-1].latents[:, :2].equal(known)
    free = list(sample(velocities, noise, LEVELS, Guidance(1, 2)))[-1].latents
    assert steps[-1].latents[:, 2:].equal(free[:, 2:])


def test_an_exception_during_a_step_ends_the_work_at_once() -> None:
    asked: list[int] = []

    def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
        asked.append(step)
        if step == 1:
            raise InterruptedError
        return {FULL: x}

    done = []
    with pytest.raises(InterruptedError):
        for denoised in sample(velocities, random(1, *SIZE), LEVELS, Guidance(*UNGUIDED)):
            done.append(denoised.step)
    assert (asked, done) == ([0, 1], [0])


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    asked: list[int] = []

    def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
        asked.append(step)
        return {FULL: x}

    steps = sample(velocities, random(1, *SIZE), LEVELS, Guidance(*UNGUIDED))
    assert asked == []
    next(steps)
    assert asked == [0]


class Recorded:
    """Velocities of which none is like another; keeps what it was asked for."""

    def __init__(self) -> None:
        self.given: list[Tensor] = []

    def __call__(self, x: Tensor, step: int) -> dict[Branch, Tensor]:
        self.given.append(random(10 + step, *SIZE) + x / 2)
        return {FULL: self.given[-1]}


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("held", [0, 2])
def test_the_last_step_may_reuse_the_velocity_of_the_one_before(count: int, held: int) -> None:
    noise, levels = random(1, *SIZE), compute_timesteps(count, 3)
    motion = Motion(random(3, 16, held, 4, 4), random(4, count + 1, 16, held, 4, 4))
    every, spared = Recorded(), Recorded()
    whole = list(sample(every, noise, levels, Guidance(*UNGUIDED), motion))
    short = list(sample(spared, noise, levels, Guidance(*UNGUIDED), motion, reuse_last=True))
    assert (len(every.given), len(spared.given)) == (count, count - 1)
    assert [denoised.step for denoised in short] == list(range(count))
    for ours, wanted in zip(short[:-1], whole[:-1], strict=True):
        assert ours.latents.equal(wanted.latents) and ours.predicted.equal(wanted.predicted)
    by_hand = short[-2].latents - spared.given[-1] * (levels[-2] / 1000)
    torch.testing.assert_close(short[-1].latents[:, held:], by_hand[:, held:])
    assert short[-1].latents[:, :held].equal(motion.latents)
    assert not torch.allclose(short[-1].latents[:, held:], whole[-1].latents[:, held:], atol=1e-3)


def test_an_only_step_is_computed_whatever_may_be_reused() -> None:
    noise, asked = random(1, *SIZE), Recorded()
    (only,) = sample(asked, noise, [1000.0, 0.0], Guidance(*UNGUIDED), reuse_last=True)
    (wanted,) = sample(Recorded(), noise, [1000.0, 0.0], Guidance(*UNGUIDED))
    assert len(asked.given) == 1 and only.latents.equal(wanted.latents)
