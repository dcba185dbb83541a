"""The denoising loop: from noise to the latents of one window."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from inference.multitalk.sampling.guidance import Branch, Guidance
from inference.multitalk.sampling.schedule import MAX_TIMESTEP

# Of latents, at a step, with each branch's input.
Velocities = Callable[[Tensor, int], Mapping[Branch, Tensor]]


@dataclass(frozen=True)
class Motion:
    """The first latents of a window that continues another: known, so held to what they are.

    `latents` (c, m, h, w) without noise; `noise` (steps + 1, c, m, h, w), one for each level.
    """

    latents: Tensor
    noise: Tensor

    def impose(self, x: Tensor, level: int, timestep: float) -> Tensor:
        """x (c, t, h, w) with its first m latents replaced, as noisy as the rest."""
        sigma = timestep / MAX_TIMESTEP
        known = (1 - sigma) * self.latents + sigma * self.noise[level]
        return torch.cat([known, x[:, known.shape[1] :]], dim=1)


@dataclass(frozen=True)
class DenoisingStep:
    """After step number `step`: latents (c, t, h, w), and the finished ones as expected by now."""

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
    """Euler steps from `noise` (c, t, h, w) down the `timesteps`, the last of which is 0.

    Yields after each step. With `reuse_last` the last one, which removes next to no noise, takes
    the velocity of the one before it.
    """
    x = noise if motion is None else motion.impose(noise, 0, timesteps[0])
    for step, (timestep, following) in enumerate(pairwise(timesteps)):
        if not (reuse_last and step and following == 0):
            v = guidance.combine(velocities(x, step))
        x = x - v * ((timestep - following) / MAX_TIMESTEP)
        outlook = x - v * (following / MAX_TIMESTEP)
        if motion is not None:
            x = motion.impose(x, step + 1, following)
        yield DenoisingStep(step, x, outlook)
