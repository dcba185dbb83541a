"""Attention layers, and one softmax function that runs on a selectable kernel.

Attributes keep the names of the released checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from inference.multitalk.models.linear import Linear
from inference.multitalk.models.rope import compute_rotation, rotate

try:
    from flash_attn import flash_attn_func
except ImportError:  # an optional build; the other kernels compute the same
    flash_attn_func = None

_FLASH_MIN_CAPABILITY = (8, 0)  # compute capability of Ampere
HALF_PRECISION_BYTES = 2  # size of a number in the dtypes that the fast kernels support
# Positions of the two voices' keys on the speaker axis (L-RoPE): the middle of each range.
SPEAKER_KEY_POSITIONS = (2.0, 22.0)


class Kernel(StrEnum):
    """An implementation of attention. Kernels round differently, so frames differ slightly."""

    FLASH = "flash-attn"
    CUDNN = "cuDNN"
    TORCH = "torch's own"


# In torch's order of preference. Some versions prefer cuDNN on Hopper, so torch's own kernels must
# be listed without it.
_TORCH_BACKENDS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
_BACKENDS = {
    Kernel.CUDNN: [SDPBackend.CUDNN_ATTENTION, *_TORCH_BACKENDS],
    Kernel.TORCH: _TORCH_BACKENDS,
}
_active_kernel: ContextVar[Kernel | None] = ContextVar("active_kernel", default=None)


@contextmanager
def use_kernel(kernel: Kernel | None, strict: bool = False) -> Iterator[None]:
    """Make `attend` run on `kernel` inside the context.

    None prefers flash-attn and leaves the choice to torch without it. Inputs that the kernel does
    not support run on torch's own kernels; with `strict` they raise RuntimeError instead.
    """
    backends = _BACKENDS[kernel] if kernel in _BACKENDS else []
    backends = backends[:1] if strict else backends
    token = _active_kernel.set(kernel)
    try:
        with sdpa_kernel(backends, set_priority=True) if backends else nullcontext():
            yield
    finally:
        _active_kernel.reset(token)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax(q kᵀ / √d) v, (b, l, n, d), for q (b, l, n, d) and k, v (b, s, n, d).

    All three need a batch axis and the same d; otherwise a CPU builds the whole l x s matrix.
    """
    if _active_kernel.get() in (None, Kernel.FLASH) and can_use_flash(q.device, q.dtype):
        out: Tensor = flash_attn_func(q, k, v)
        return out
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    return scaled_dot_product_attention(q, k, v).transpose(1, 2)


def can_use_flash(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether flash-attn is installed and supports this device and dtype."""
    return (
        flash_attn_func is not None
        and dtype.itemsize == HALF_PRECISION_BYTES
        and _has_flash(device)
    )


@cache
def _has_flash(device: torch.device) -> bool:
    return (
        device.type == "cuda" and torch.cuda.get_device_capability(device) >= _FLASH_MIN_CAPABILITY
    )


class KeysValues(NamedTuple):
    """Keys and values of an attention, both (b, s, n, d)."""

    k: Tensor
    v: Tensor


class SelfAttention(nn.Module):
    """Projections and norms of self-attention; queries, keys and values are (b, l, n, d)."""

    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (Linear(dim, dim) for _ in range(4))
        self.norm_q, self.norm_k = (nn.RMSNorm(dim, eps) for _ in range(2))

    def project_query(self, x: Tensor) -> Tensor:
        return self.split_heads(self.norm_q(self.q(x)))

    def project_keys_values(self, x: Tensor) -> KeysValues:
        return KeysValues(self.split_heads(self.norm_k(self.k(x))), self.split_heads(self.v(x)))

    def split_heads(self, x: Tensor) -> Tensor:
        return rearrange(x, "b l (n d) -> b l n d", n=self.heads)

    def project_out(self, x: Tensor) -> Tensor:
        y: Tensor = self.o(x.flatten(-2))
        return y


class CrossAttention(SelfAttention):
    """Attention to the prompt and to the picture, each with its own softmax."""

    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__(dim, heads, eps)
        self.k_img, self.v_img = (Linear(dim, dim) for _ in range(2))
        self.norm_k_img = nn.RMSNorm(dim, eps)

    def project_image_keys_values(self, x: Tensor) -> KeysValues:
        return KeysValues(
            self.split_heads(self.norm_k_img(self.k_img(x))), self.split_heads(self.v_img(x))
        )

    def forward(self, x: Tensor, text: KeysValues, image: KeysValues) -> Tensor:
        q = self.project_query(x)
        return self.project_out(attend(q, *text) + attend(q, *image))


class AudioCrossAttention(nn.Module):
    """Attention from the tokens of each latent frame to the audio tokens of that frame."""

    def __init__(self, dim: int, heads: int, audio_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_linear, self.proj = Linear(dim, dim), Linear(dim, dim)
        self.kv_linear = Linear(audio_dim, 2 * dim)

    def project_keys_values(self, tokens: Tensor) -> KeysValues:
        """Project audio tokens (p, t, s, c) to (t, p s, n, d).

        The keys of two speakers are rotated to their positions on the speaker axis.
        """
        flat = rearrange(tokens, "p t s c -> t (p s) c")
        k, v = rearrange(self.kv_linear(flat), "t s (two n d) -> two t s n d", two=2, n=self.heads)
        if len(tokens) == len(SPEAKER_KEY_POSITIONS):
            speakers = torch.tensor(SPEAKER_KEY_POSITIONS, device=k.device)
            positions = speakers.repeat_interleave(tokens.shape[2])
            k = rotate(k, compute_rotation(positions, k.shape[-1]).unsqueeze(1))
        return KeysValues(k, v.contiguous())  # a view would keep the unrotated keys in memory

    def forward(self, x: Tensor, audio: KeysValues, positions: Tensor | None) -> Tensor:
        """Attend from x (1, l, c).

        `positions` (l,) are those of the tokens on the speaker axis, None for one voice.
        """
        q = rearrange(self.q_linear(x), "b l (n d) -> b l n d", n=self.heads)
        if positions is not None:
            q = rotate(q, compute_rotation(positions, q.shape[-1]).unsqueeze(1))
        q = rearrange(q, "1 (t s) n d -> t s n d", t=len(audio.k))
        y: Tensor = self.proj(rearrange(attend(q, *audio), "t s n d -> 1 (t s) (n d)"))
        return y
