"""The noise levels a window is sampled at: flow matching with a shift towards the noisy end."""

import torch

MAX_TIMESTEP = 1000.0  # pure noise; 0 is the video


def compute_timesteps(steps: int, shift: float) -> list[float]:
    """steps + 1 levels from `MAX_TIMESTEP` down to 0; the last one before 0 is almost 0.

    u = t / 1000 is moved to shift u / (1 + (shift - 1) u), in float32 as the original does:
    in float64 t moves by up to 1e-4. Raises ValueError unless steps >= 1 and shift > 0.
    """
    if steps < 1 or shift <= 0:
        raise ValueError(f"{steps} steps with shift {shift}: at least 1 step, a shift above 0")
    u = torch.linspace(MAX_TIMESTEP, 1.0, steps, dtype=torch.float64).float() / MAX_TIMESTEP
    shifted = shift * u / (1 + (shift - 1) * u) * MAX_TIMESTEP
    return [*shifted.tolist(), 0.0]
