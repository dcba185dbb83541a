"""The transformer's small parts in the plainest tensor code: linear, norms, rotation, attention.

One sequence, no batch. Layers take a mapping of tensors and the name under which theirs are kept.
"""

from collections.abc import Mapping

import torch
from einops import rearrange
from torch import Tensor

Weights = Mapping[str, Tensor]


def under(weights: Weights, prefix: str) -> Weights:
    """The tensors whose names begin with the prefix, by the rest of their names."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    """(..., out) from x (..., in), weight (out, in) and bias (out)."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(x: Tensor, eps: float) -> Tensor:
    """x (..., c) with mean 0 and variance 1 over c: layer norm without weights."""
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt()


def affine_norm(weights: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    """Layer norm of x (..., c) with weight (c) and bias (c)."""
    return norm(x, eps) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def rms_norm(weights: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    """x (..., c) with mean square 1 over c, times weight (c)."""
    return x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt() * weights[f"{name}.weight"]


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(n, l, d) from (l, n d)."""
    return rearrange(x, "l (n d) -> n l d", n=heads)


def attention_map(q: Tensor, k: Tensor) -> Tensor:
    """The whole matrix softmax(q k^T / sqrt(d)) (n, l, s) of q (n, l, d) and k (n, s, d)."""
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention (l, n d) of q (n, l, d) to k and v (n, s, d), heads joined again."""
    return rearrange(attention_map(q, k) @ v, "n l d -> l (n d)")


def rotary_angles(positions: Tensor, width: int) -> Tensor:
    """Angles (l, width/2), float64, of positions (l): theta_j = 10000^(-2j/width). Spec 6.1."""
    steps = torch.arange(0, width, 2, dtype=torch.float64, device=positions.device)
    theta = torch.pow(10000.0, -steps / width)
    return positions.double()[:, None] * theta


def video_angles(grid: tuple[int, int, int], size: int) -> Tensor:
    """Angles (t h w, size/2), float64, of a grid of t, h, w tokens, for heads of that size.

    Each axis owns a stretch of the pairs; t takes what two thirds, rounded down, leave. Spec 6.1.
    """
    t, h, w = torch.meshgrid(*(torch.arange(n) for n in grid), indexing="ij")
    small = 2 * (size // 6)
    axes = [(t, size - 2 * small), (h, small), (w, small)]
    return torch.cat([rotary_angles(axis.flatten(), width) for axis, width in axes], dim=-1)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """x (n, l, d) turned by angles (l, d/2), as complex128; neighbours are one complex number."""
    pairs = rearrange(x.double(), "n l (j two) -> n l j two", two=2).contiguous()
    angles = angles.to(x.device)
    turned = torch.view_as_complex(pairs) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)
