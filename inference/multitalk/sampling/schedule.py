"""Noise schedule of flow matching, shifted towards high noise."""

import torch

MAX_TIMESTEP = 1000.0  # pure noise; 0 is the video


def compute_timesteps(steps: int, shift: float) -> list[float]:
    """Return steps + 1 levels from `MAX_TIMESTEP` down to 0; the last one before 0 is almost 0.

    u = t / 1000 becomes shift u / (1 + (shift - 1) u), in float32 like the original
    (float64 differs by up to 1e-4). Raises ValueError unless steps >= 1 and shift > 0.
    """
    if steps < 1 or shift <= 0:
        raise ValueError(f"{steps} steps with shift {shift}: at least 1 step, a shift above 0")
    u = torch.linspace(MAX_TIMESTEP, 1.0, steps, dtype=torch.float64).float() / MAX_TIMESTEP
    shifted = shift * u / (1 + (shift - 1) * u) * MAX_TIMESTEP
    return [*shifted.tolist(), 0.0]
