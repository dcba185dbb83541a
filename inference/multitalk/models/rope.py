"""Rotary position embedding: pairs of channels rotated by an angle that grows with the position.

A rotation is a complex tensor, cos + i sin of each pair's angle. Channels 2j and 2j+1 are a pair;
pair j of an axis with c channels rotates by 10000^(-2j/c) per unit of position.
"""

import torch
from einops import rearrange
from torch import Tensor

_BASE = 10_000.0


def compute_rotation(positions: Tensor, channels: int) -> Tensor:
    """Return the rotations at real `positions` (...): complex64 (..., channels / 2)."""
    powers = torch.arange(0, channels, 2, device=positions.device, dtype=torch.float64) / channels
    angles = positions.double().unsqueeze(-1) * _BASE**-powers
    return torch.polar(torch.ones_like(angles), angles).to(torch.complex64)


def compute_video_rotation(t: int, h: int, w: int, head_size: int, device: torch.device) -> Tensor:
    """Return the rotations of a (t, h, w) grid in raster order: complex64 (l, 1, d / 2).

    Rows and columns have a third of the pairs each, rounded down; time has the rest, which comes
    first. Positions start at 0 in every window.
    """
    third = 2 * (head_size // 6)
    channels = (head_size - 2 * third, third, third)
    axes = [
        compute_rotation(torch.arange(extent), count).to(device)
        for extent, count in zip((t, h, w), channels, strict=True)
    ]
    time, rows, columns = axes[0][:, None, None], axes[1][:, None], axes[2]
    grid = [axis.expand(t, h, w, -1) for axis in (time, rows, columns)]
    return torch.cat(grid, -1).flatten(0, 2).unsqueeze(1)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate the pairs of x (..., l, n, d) by `rotation` (l, 1, d / 2).

    Computed in float32, returned in the dtype of x.
    """
    pairs = torch.view_as_complex(rearrange(x.float(), "... (d two) -> ... d two", two=2))
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)
