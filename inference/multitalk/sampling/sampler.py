"""The denoising loop: from noise to the latents of one window."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from inference.multitalk.sampling.guidance import Branch, Guidance
from inference.multitalk.sampling.schedule import MAX_TIMESTEP

# From latents and a step number to the velocity of each branch.
Velocities = Callable[[Tensor, int], Mapping[Branch, Tensor]]


@dataclass(frozen=True)
class Motion:
    """Known first latents of a window that continues another.

    `latents` (c, m, h, w) without noise; `noise` (steps + 1, c, m, h, w), one per level.
    """

    latents: Tensor
    noise: Tensor

    def impose(self, x: Tensor, level: int, timestep: float) -> Tensor:
        """Replace the first m latents of x (c, t, h, w), at the noise level of the rest."""
        sigma = timestep / MAX_TIMESTEP
        known = (1 - sigma) * self.latents + sigma * self.noise[level]
        return torch.cat([known, x[:, known.shape[1] :]], dim=1)


@dataclass(frozen=True)
class DenoisingStep:
    """Result of step number `step`: latents (c, t, h, w), and the predicted clean ones."""

    step: int
    latents: Tensor
    predicted: Tensor


def sample(
    velocities: Velocities,
    noise: Tensor,
    timesteps: Sequence[float],
    guidance: Guidance,
    motion: Motion | None = None,
    reuse_last: bool = False,
) -> Iterator[DenoisingStep]:
    """Take Euler steps from `noise` (c, t, h, w) down the `timesteps`, which end with 0.

    Yields after each step. With `reuse_last` the last step, which removes almost no noise, uses the
    velocity of the one before.
    """
    x = noise if motion is None else motion.impose(noise, 0, timesteps[0])
    for step, (timestep, following) in enumerate(pairwise(timesteps)):
        if not (reuse_last and step and following == 0):
            v = guidance.combine(velocities(x, step))
        x = x - v * ((timestep - following) / MAX_TIMESTEP)
        predicted = x - v * (following / MAX_TIMESTEP)
        if motion is not None:
            x = motion.impose(x, step + 1, following)
        yield DenoisingStep(step, x, predicted)
