"""The denoising loop: Euler's steps, what is known held to what it is, ended when asked."""

import math

import pytest
import torch
from torch import Tensor

from inference.multitalk.guidance import FULL, NEITHER, NO_PROMPT, NO_VOICE, Branch, Guidance
from inference.multitalk.sampling import Motion, sample
from inference.multitalk.schedule import timesteps
from tests.small import random

SIZE = (16, 3, 4, 4)  # c, t, h, w
LEVELS = timesteps(6, 3)
UNGUIDED = (1.0, 1.0)


def test_each_step_is_one_of_eulers() -> None:
    noise, pull = random(1, *SIZE), 0.7

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        return pull * x

    steps = list(sample(velocity, noise, LEVELS, Guidance(*UNGUIDED)))
    assert [denoised.step for denoised in steps] == list(range(len(LEVELS) - 1))
    for denoised in steps:
        hops = [LEVELS[i] - LEVELS[i + 1] for i in range(denoised.step + 1)]
        shrunk = math.prod(1 - pull * hop / 1000 for hop in hops)
        torch.testing.assert_close(denoised.latents, noise * shrunk)


def test_a_steps_number_is_that_of_its_level() -> None:
    asked = []

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        asked.append((step, branch))
        return x

    list(sample(velocity, random(1, *SIZE), LEVELS, Guidance(5, 4)))
    assert asked == [(s, b) for s in range(6) for b in (FULL, NO_PROMPT, NEITHER)]


def test_whoever_knows_the_video_sees_it_from_the_first_step_on() -> None:
    noise, video = random(1, *SIZE), random(2, *SIZE)

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        return (x - video) / (LEVELS[step] / 1000)

    steps = list(sample(velocity, noise, LEVELS, Guidance(*UNGUIDED)))
    for denoised in steps:
        torch.testing.assert_close(denoised.outlook, video, atol=1e-5, rtol=1e-4)
    for denoised in steps[:-2]:  # the next to last level is almost 0
        assert (denoised.latents - video).norm() > 0.1 * (noise - video).norm()
    torch.testing.assert_close(steps[-1].latents, video, atol=1e-5, rtol=1e-4)


def test_what_is_known_is_as_noisy_as_the_rest_and_ends_as_it_was_given() -> None:
    known, noises = random(3, 16, 2, 4, 4), random(4, len(LEVELS), 16, 2, 4, 4)
    seen: list[Tensor] = []

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        seen.append(x)
        return 3 * x

    noise = random(1, *SIZE)
    run = sample(velocity, noise, LEVELS, Guidance(1, 2), Motion(known, noises))
    steps = list(run)
    for number, x in enumerate(seen):
        step, sigma = number // 2, LEVELS[number // 2] / 1000
        torch.testing.assert_close(x[:, :2], (1 - sigma) * known + sigma * noises[step])
    assert seen[0][:, 2:].equal(noise[:, 2:])
    assert steps[-1].latents[:, :2].equal(known)
    free = list(sample(velocity, noise, LEVELS, Guidance(1, 2)))[-1].latents
    assert steps[-1].latents[:, 2:].equal(free[:, 2:])


@pytest.mark.parametrize(("text", "audio", "passes"), [(1, 1, 1), (1, 2, 2), (5, 4, 3)])
def test_it_is_asked_before_each_pass_whether_to_go_on(
    text: float, audio: float, passes: int
) -> None:
    happened = []

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        happened.append("pass")
        return x

    guidance = Guidance(text, audio)
    noise = random(1, *SIZE)
    list(sample(velocity, noise, LEVELS, guidance, None, lambda: happened.append("asked")))
    assert happened == ["asked", "pass"] * (6 * passes)


def test_an_exception_between_passes_ends_the_work_at_once() -> None:
    passes: list[Branch] = []

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        passes.append(branch)
        return x

    def until_three() -> None:
        if len(passes) == 3:
            raise InterruptedError

    done = []
    with pytest.raises(InterruptedError):
        for denoised in sample(
            velocity, random(1, *SIZE), LEVELS, Guidance(1, 2), None, until_three
        ):
            done.append(denoised.step)
    assert (passes, done) == ([FULL, NO_VOICE, FULL], [0])


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    passes: list[int] = []

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        passes.append(step)
        return x

    steps = sample(velocity, random(1, *SIZE), LEVELS, Guidance(*UNGUIDED))
    assert passes == []
    next(steps)
    assert passes == [0]
