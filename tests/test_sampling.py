"""The denoising loop: Euler steps, known frames held, an end at any pass."""

import pytest
import torch
from torch import Tensor

from inference.multitalk.guidance import FULL, NO_VOICE, Branch, Guidance
from inference.multitalk.sampling import Motion, sample
from inference.multitalk.schedule import timesteps

LEVELS = timesteps(5, 3.0)
SHAPE = (16, 3, 4, 4)


def test_a_right_velocity_leads_to_the_video_and_shows_it_from_the_start() -> None:
    noise, video = torch.randn(SHAPE), torch.randn(SHAPE)
    steps = list(sample(lambda x, step, branch: noise - video, noise, LEVELS, Guidance(1, 1)))
    assert [denoised.step for denoised in steps] == [0, 1, 2, 3, 4]
    for denoised, level in zip(steps, LEVELS[1:], strict=True):
        sigma = level / 1000
        expected = (1 - sigma) * video + sigma * noise
        torch.testing.assert_close(denoised.latents, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(denoised.outlook, video, rtol=1e-4, atol=1e-5)


def test_known_latents_are_as_noisy_as_the_rest_and_end_as_they_are() -> None:
    known, noises = torch.randn(16, 1, 4, 4), torch.randn(6, 16, 1, 4, 4)
    seen = []

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        seen.append(x[:, :1])
        return torch.ones_like(x)

    *_, last = sample(velocity, torch.randn(SHAPE), LEVELS, Guidance(1, 1), Motion(known, noises))
    for index, level in enumerate(LEVELS[:-1]):
        sigma = level / 1000
        torch.testing.assert_close(seen[index], (1 - sigma) * known + sigma * noises[index])
    assert torch.equal(last.latents[:, :1], known)


def test_each_step_runs_each_branch_once_and_asks_before() -> None:
    told: list[object] = []

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        told.append((step, branch))
        return x

    list(
        sample(
            velocity,
            torch.randn(SHAPE),
            LEVELS[-3:],
            Guidance(1, 2),
            before_pass=lambda: told.append("asked"),
        )
    )
    asked = "asked"
    assert told == [asked, (0, FULL), asked, (0, NO_VOICE), asked, (1, FULL), asked, (1, NO_VOICE)]


def test_the_work_ends_between_two_passes() -> None:
    runs: list[int] = []

    def stop() -> None:
        if len(runs) == 3:
            raise KeyboardInterrupt

    def velocity(x: Tensor, step: int, branch: Branch) -> Tensor:
        runs.append(step)
        return x

    steps = sample(velocity, torch.randn(SHAPE), LEVELS, Guidance(1, 2), before_pass=stop)
    assert next(steps).step == 0
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    assert runs == [0, 0, 1]
