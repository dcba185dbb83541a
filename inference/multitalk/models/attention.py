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
from inference.multitalk.models.rope import rotate, rotation

try:
    from flash_attn import flash_attn_func
except ImportError:  # an optional build; the other kernel gives the same
    flash_attn_func = None

_FLASH_FROM = (8, 0)  # compute capability
HALF_BYTES = 2  # of the numbers that the fast kernels take
# Where two voices' keys are on the speakers' axis (L-RoPE): the middle of each one's range.
SPEAKER_KEYS = (2.0, 22.0)


class Kernel(StrEnum):
    """An implementation of the softmax. They round differently, so frames differ a little."""

    FLASH = "flash-attn"
    CUDNN = "cuDNN"
    TORCH = "torch's own"


# In torch's order of preference. On Hopper some versions put cuDNN first of their own accord, so
# that torch's own has to be told to do without.
_TORCHS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
_BACKENDS = {Kernel.CUDNN: [SDPBackend.CUDNN_ATTENTION, *_TORCHS], Kernel.TORCH: _TORCHS}
_chosen: ContextVar[Kernel | None] = ContextVar("chosen", default=None)


@contextmanager
def attention_by(kernel: Kernel | None, alone: bool = False) -> Iterator[None]:
    """Inside, `attend` runs `kernel`, and torch's own where that can't serve what it is given,
    unless it is to raise RuntimeError then: `alone`. None: flash-attn where it is, else what torch
    likes best."""
    backends = _BACKENDS[kernel] if kernel in _BACKENDS else []
    backends = backends[:1] if alone else backends
    token = _chosen.set(kernel)
    try:
        with sdpa_kernel(backends, set_priority=True) if backends else nullcontext():
            yield
    finally:
        _chosen.reset(token)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q kᵀ / √d) v for q (b, l, n, d) and k, v (b, s, n, d): (b, l, n, d).

    All three need their batch axis and the same d: without, a CPU builds the whole l x s matrix.
    """
    if _chosen.get() in (None, Kernel.FLASH) and takes_flash(q.device, q.dtype):
        out: Tensor = flash_attn_func(q, k, v)
        return out
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    return scaled_dot_product_attention(q, k, v).transpose(1, 2)


def takes_flash(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether flash-attn runs there on such numbers."""
    return flash_attn_func is not None and dtype.itemsize == HALF_BYTES and _has_flash(device)


@cache
def _has_flash(device: torch.device) -> bool:
    """Whether flash-attn runs there; older cards than Ampere lack what it needs."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _FLASH_FROM


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

    def query(self, x: Tensor) -> Tensor:
        return self.split(self.norm_q(self.q(x)))

    def keys_values(self, x: Tensor) -> KeysValues:
        return KeysValues(self.split(self.norm_k(self.k(x))), self.split(self.v(x)))

    def split(self, x: Tensor) -> Tensor:
        return rearrange(x, "b l (n d) -> b l n d", n=self.heads)

    def out(self, x: Tensor) -> Tensor:
        y: Tensor = self.o(x.flatten(-2))
        return y


class CrossAttention(SelfAttention):
    """To the prompt and to the picture, each with a softmax of its own."""

    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__(dim, heads, eps)
        self.k_img, self.v_img = (Linear(dim, dim) for _ in range(2))
        self.norm_k_img = nn.RMSNorm(dim, eps)

    def image_keys_values(self, x: Tensor) -> KeysValues:
        return KeysValues(self.split(self.norm_k_img(self.k_img(x))), self.split(self.v_img(x)))

    def forward(self, x: Tensor, text: KeysValues, image: KeysValues) -> Tensor:
        q = self.query(x)
        return self.out(attend(q, *text) + attend(q, *image))


class AudioCrossAttention(nn.Module):
    """From each latent frame's tokens to that frame's audio tokens."""

    def __init__(self, dim: int, heads: int, audio_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_linear, self.proj = Linear(dim, dim), Linear(dim, dim)
        self.kv_linear = Linear(audio_dim, 2 * dim)

    def keys_values(self, tokens: Tensor) -> KeysValues:
        """Of audio tokens (p, t, s, c): (t, p s, n, d). Two speakers' keys are told apart."""
        flat = rearrange(tokens, "p t s c -> t (p s) c")
        k, v = rearrange(self.kv_linear(flat), "t s (two n d) -> two t s n d", two=2, n=self.heads)
        if len(tokens) == len(SPEAKER_KEYS):
            at = torch.tensor(SPEAKER_KEYS, device=k.device).repeat_interleave(tokens.shape[2])
            k = rotate(k, rotation(at, k.shape[-1]).unsqueeze(1))
        return KeysValues(k, v.contiguous())  # a view would keep the keys before they were turned

    def forward(self, x: Tensor, audio: KeysValues, positions: Tensor | None) -> Tensor:
        """x (1, l, c); `positions` (l,) of the tokens on the speakers' axis, None for one voice."""
        q = rearrange(self.q_linear(x), "b l (n d) -> b l n d", n=self.heads)
        if positions is not None:
            q = rotate(q, rotation(positions, q.shape[-1]).unsqueeze(1))
        q = rearrange(q, "1 (t s) n d -> t s n d", t=len(audio.k))
        y: Tensor = self.proj(rearrange(attend(q, *audio), "t s n d -> 1 (t s) (n d)"))
        return y
