"""Attention: one function for the softmax, by the kernel that is chosen, and its layers.

Attributes are named as in the released checkpoint.
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
except ImportError:  # an optional build; the other kernel gives the same
    flash_attn_func = None

_FLASH_MIN_CAPABILITY = (8, 0)  # compute capability
HALF_PRECISION_BYTES = 2  # of the numbers that the fast kernels take
# Where two voices' keys are on the speakers' axis (L-RoPE): the middle of each one's range.
SPEAKER_KEY_POSITIONS = (2.0, 22.0)


class Kernel(StrEnum):
    """An implementation of the softmax. They round differently, so frames differ a little."""

    FLASH = "flash-attn"
    CUDNN = "cuDNN"
    TORCH = "torch's own"


# In torch's order of preference. On Hopper some versions put cuDNN first of their own accord, so
# that torch's own has to be told to do without.
_TORCH_BACKENDS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
_BACKENDS = {
    Kernel.CUDNN: [SDPBackend.CUDNN_ATTENTION, *_TORCH_BACKENDS],
    Kernel.TORCH: _TORCH_BACKENDS,
}
_active_kernel: ContextVar[Kernel | None] = ContextVar("chosen", default=None)


@contextmanager
def use_kernel(kernel: Kernel | None, alone: bool = False) -> Iterator[None]:
    """Inside, `attend` runs `kernel`, and torch's own where that can't serve what it is given,
    unless it is to raise RuntimeError then: `alone`. None: flash-attn where it is, else what torch
    likes best."""
    backends = _BACKENDS[kernel] if kernel in _BACKENDS else []
    backends = backends[:1] if alone else backends
    token = _active_kernel.set(kernel)
    try:
        with sdpa_kernel(backends, set_priority=True) if backends else nullcontext():
            yield
    finally:
        _active_kernel.reset(token)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q kᵀ / √d) v for q (b, l, n, d) and k, v (b, s, n, d): (b, l, n, d).

    All three need their batch axis and the same d: without, a CPU builds the whole l x s matrix.
    """
    if _active_kernel.get() in (None, Kernel.FLASH) and can_use_flash(q.device, q.dtype):
        out: Tensor = flash_attn_func(q, k, v)
        return out
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    return scaled_dot_product_attention(q, k, v).transpose(1, 2)


def can_use_flash(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether flash-attn runs there on such numbers."""
    return (
        flash_attn_func is not None
        and dtype.itemsize == HALF_PRECISION_BYTES
        and _has_flash(device)
    )


@cache
def _has_flash(device: torch.device) -> bool:
    """Whether flash-attn runs there; older cards than Ampere lack what it needs."""
    return (
        device.type == "cuda" and torch.cuda.get_device_capability(device) >= _FLASH_MIN_CAPABILITY
    )


class KeysValues(NamedTuple):
    """Both (b, s, n, d)."""

    k: Tensor
    v: Tensor


class SelfAttention(nn.Module):
    """Projections and norms; queries, keys and values are (b, l, n, d)."""

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
    """To the prompt and to the picture, each with a softmax of its own."""

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
    """From each latent frame's tokens to that frame's audio tokens."""

    def __init__(self, dim: int, heads: int, audio_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_linear, self.proj = Linear(dim, dim), Linear(dim, dim)
        self.kv_linear = Linear(audio_dim, 2 * dim)

    def project_keys_values(self, tokens: Tensor) -> KeysValues:
        """Of audio tokens (p, t, s, c): (t, p s, n, d). Two speakers' keys are told apart."""
        flat = rearrange(tokens, "p t s c -> t (p s) c")
        k, v = rearrange(self.kv_linear(flat), "t s (two n d) -> two t s n d", two=2, n=self.heads)
        if len(tokens) == len(SPEAKER_KEY_POSITIONS):
            at = torch.tensor(SPEAKER_KEY_POSITIONS, device=k.device).repeat_interleave(
                tokens.shape[2]
            )
            k = rotate(k, compute_rotation(at, k.shape[-1]).unsqueeze(1))
        return KeysValues(k, v.contiguous())  # a view would keep the keys before they were turned

    def forward(self, x: Tensor, audio: KeysValues, positions: Tensor | None) -> Tensor:
        """x (1, l, c); `positions` (l,) of the tokens on the speakers' axis, None for one voice."""
        q = rearrange(self.q_linear(x), "b l (n d) -> b l n d", n=self.heads)
        if positions is not None:
            q = rotate(q, compute_rotation(positions, q.shape[-1]).unsqueeze(1))
        q = rearrange(q, "1 (t s) n d -> t s n d", t=len(audio.k))
        y: Tensor = self.proj(rearrange(attend(q, *audio), "t s n d -> 1 (t s) (n d)"))
        return y
