"""Weights in 8 bits: e4m3 floating point (OCP 8-bit Floating Point Specification, 2023), a scale
for each row.

A scale is a power of two, so that scaling is exact and only the rounding to e4m3's 4 significant
bits is lost: at most 1/16 of each weight, save those under 1/2^13 of their row's largest.
"""

import torch
from torch import Tensor

_MAX_E4M3 = 448.0  # that e4m3 can hold
_MIN_EXPONENT = -100  # of a scale: far from where float32 ends


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, c) as e4m3 (n, c) and their scales (n,), float32, so that their product is near.

    Raises ValueError when a number is not finite.
    """
    rows = weight.float()
    if not rows.isfinite().all():
        raise ValueError("a weight is not finite")
    _, exponent = torch.frexp(rows.abs().amax(1) / _MAX_E4M3)
    scale = torch.ldexp(torch.ones(len(rows)), exponent.clamp(min=_MIN_EXPONENT))
    return (rows / scale.unsqueeze(1)).to(torch.float8_e4m3fn), scale


def dequantise(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """What `quantise` stands for, in `dtype`: exact in bfloat16 and wider."""
    return weight.to(dtype) * scale.to(dtype).unsqueeze(1)
