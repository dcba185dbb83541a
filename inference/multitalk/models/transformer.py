"""MultiTalk's video transformer: Wan2.1-I2V with attention to the voices in every block.

Attributes keep the names of the released checkpoint, so that its tensors load without renaming.
Keys and values of all attentions but self-attention, and the rotations, are constant during a
window: they are computed once, as a `Conditioning`, for all steps and branches.

Precision in bfloat16: norms, modulation, gates, rotations, the time embedding and the head are
computed in float32; the residual stream and all other products in bfloat16.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from inference.multitalk.models.attention import (
    AudioCrossAttention,
    CrossAttention,
    Kernel,
    KeysValues,
    SelfAttention,
    attend,
    use_kernel,
)
from inference.multitalk.models.audio_adapter import AudioProjection
from inference.multitalk.models.linear import Linear
from inference.multitalk.models.rope import compute_video_rotation, rotate
from inference.multitalk.models.speakers import compute_positions
from weights.names import Use

_TIME_PERIOD = 10_000.0


@dataclass(frozen=True)
class TransformerParams:
    """Sizes, with the names of the released config and of the audio branch's constructor."""

    patch_size: tuple[int, int, int]  # of t, h, w
    dim: int
    ffn_dim: int
    freq_dim: int
    in_dim: int  # noisy latents, known-frame mask and picture latents
    out_dim: int
    num_heads: int
    num_layers: int
    text_len: int
    text_dim: int
    clip_dim: int
    audio_window: int
    vae_scale: int  # video frames per latent frame
    audio_layers: int
    audio_channels: int
    intermediate_dim: int
    output_dim: int
    context_tokens: int
    eps: float

    @property
    def head_size(self) -> int:
        return self.dim // self.num_heads


class TimeEmbedding(NamedTuple):
    """Embedding of a timestep for the head (1, c) and for the blocks (1, 6, c), float32."""

    head: Tensor
    blocks: Tensor


@dataclass(frozen=True)
class Conditioning:
    """Keys and values of each block for one guidance branch of a window, and the tokens' rotations.

    `masks` (3, s), 0 or 1, are the tokens of a latent frame that show speaker 1, speaker 2 and the
    background; None for a single voice or silence.
    """

    text: Sequence[KeysValues]
    image: Sequence[KeysValues]
    audio: Sequence[KeysValues]  # the batch axis is latent frames
    rotation: Tensor
    masks: Tensor | None = None


class Block(nn.Module):
    """Transformer block: self-attention, cross-attention to prompt and picture, cross-attention to
    voices, feed-forward."""

    def __init__(self, p: TransformerParams) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.randn(1, 6, p.dim) / p.dim**0.5)
        self.norm1, self.norm2 = (nn.LayerNorm(p.dim, p.eps, False) for _ in range(2))
        self.norm3, self.norm_x = (nn.LayerNorm(p.dim, p.eps) for _ in range(2))
        self.self_attn = SelfAttention(p.dim, p.num_heads, p.eps)
        self.cross_attn = CrossAttention(p.dim, p.num_heads, p.eps)
        self.audio_cross_attn = AudioCrossAttention(p.dim, p.num_heads, p.output_dim)
        self.ffn = nn.Sequential(
            Linear(p.dim, p.ffn_dim), nn.GELU("tanh"), Linear(p.ffn_dim, p.dim)
        )

    def forward(self, x: Tensor, time: TimeEmbedding, cond: Conditioning, index: int) -> Tensor:
        """Return x (1, l, c) after this block, which is number `index`."""
        modulation = self.modulation.float() + time.blocks
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation.chunk(6, 1)
        a, positions = self.run_self_attention(modulate(self.norm1(x), shift1, scale1), cond)
        x = apply_gate(x, a, gate1)
        del a  # frees memory
        x = x + self.cross_attn(self.norm3(x), cond.text[index], cond.image[index])
        x = x + self.audio_cross_attn(self.norm_x(x), cond.audio[index], positions)
        return apply_gate(x, self.ffn(modulate(self.norm2(x), shift2, scale2)), gate2)

    def run_self_attention(self, a: Tensor, cond: Conditioning) -> tuple[Tensor, Tensor | None]:
        """Return the output, and the positions on the speaker axis if there are two speakers."""
        q = rotate(self.self_attn.project_query(a), cond.rotation)
        k, v = self.self_attn.project_keys_values(a)
        k = rotate(k, cond.rotation)
        positions = None if cond.masks is None else compute_positions(q, k, cond.masks)
        return self.self_attn.project_out(attend(q, k, v)), positions


BlockSource = Callable[[Use], Iterator[Block]]


class Head(nn.Module):
    """Projection of tokens (1, l, c) to patches of latents (1, l, patch and channels), float32."""

    def __init__(self, p: TransformerParams) -> None:
        super().__init__()
        t, h, w = p.patch_size
        self.modulation = nn.Parameter(torch.randn(1, 2, p.dim) / p.dim**0.5)
        self.norm = nn.LayerNorm(p.dim, p.eps, False)
        self.head = Linear(p.dim, t * h * w * p.out_dim)

    def forward(self, x: Tensor, time: TimeEmbedding) -> Tensor:
        shift, scale = (self.modulation.float() + time.head.unsqueeze(1)).chunk(2, 1)
        out: Tensor = self.head(modulate(self.norm(x).float(), shift, scale))
        return out


class ImageEmbedding(nn.Module):
    """Projection of picture features to the model's width."""

    def __init__(self, p: TransformerParams) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            nn.LayerNorm(p.clip_dim),
            Linear(p.clip_dim, p.clip_dim),
            nn.GELU(),
            Linear(p.clip_dim, p.dim),
            nn.LayerNorm(p.dim),
        )


class Transformer(nn.Module):
    """Video transformer that predicts the velocity (noise minus video) of noisy latents."""

    def __init__(self, p: TransformerParams) -> None:
        super().__init__()
        self.params = p
        self.patch_embedding = nn.Conv3d(p.in_dim, p.dim, p.patch_size, p.patch_size)
        self.text_embedding = nn.Sequential(
            Linear(p.text_dim, p.dim), nn.GELU("tanh"), Linear(p.dim, p.dim)
        )
        self.time_embedding = nn.Sequential(
            Linear(p.freq_dim, p.dim), nn.SiLU(), Linear(p.dim, p.dim)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), Linear(p.dim, 6 * p.dim))
        self.img_emb = ImageEmbedding(p)
        self.audio_proj = AudioProjection(
            window=p.audio_window,
            stride=p.vae_scale,
            features=p.audio_layers * p.audio_channels,
            hidden=p.intermediate_dim,
            tokens=p.context_tokens,
            out=p.output_dim,
        )
        self.blocks = nn.ModuleList(Block(p) for _ in range(p.num_layers))
        self.block_source: BlockSource | None = None  # set when some blocks are offloaded
        self.kernel: Kernel | None = None  # for attention in the blocks; see `use_kernel`
        self.head = Head(p)

    def iterate_blocks(self, use: Use) -> Iterator[Block]:
        """Yield the blocks in order, each with what `use` needs on the device while it is out."""
        if self.block_source:
            return self.block_source(use)
        return iter(cast(list[Block], list(self.blocks)))

    def project_text(self, context: Tensor) -> list[KeysValues]:
        """Project a prompt's features (n, text_dim), padded with zeros to text_len, for each block.

        Raises ValueError when there are more.
        """
        missing = self.params.text_len - len(context)
        if missing < 0:
            raise ValueError(f"{len(context)} text tokens are more than {self.params.text_len}")
        x = self.text_embedding(pad(context.to(self.dtype), (0, 0, 0, missing)).unsqueeze(0))
        return [block.cross_attn.project_keys_values(x) for block in self.iterate_blocks("text")]

    def project_image(self, features: Tensor) -> list[KeysValues]:
        """Project a picture's features (1, patches + 1, clip_dim) for each block."""
        x = self.img_emb.proj(features.to(self.dtype))
        blocks = self.iterate_blocks("image")
        return [block.cross_attn.project_image_keys_values(x) for block in blocks]

    def project_voices(self, features: Tensor, start: int, frames: int) -> list[KeysValues]:
        """Project the voices (p, f, layers, c) in `frames` from `start` for each block."""
        tokens = self.audio_proj(features.to(self.dtype), start, frames)
        blocks = self.iterate_blocks("voice")
        return [block.audio_cross_attn.project_keys_values(tokens) for block in blocks]

    def project_silence(self, frames: int) -> list[KeysValues]:
        """Project the unconditional audio: zeros as a single voice, for any number of speakers."""
        p = self.params
        return self.project_voices(
            torch.zeros(1, 1, p.audio_layers, p.audio_channels, device=self.device), 0, frames
        )

    def compute_rotation(self, t: int, h: int, w: int) -> Tensor:
        """Return the rotations of the tokens of (t, h, w) latents."""
        pt, ph, pw = self.params.patch_size
        return compute_video_rotation(t // pt, h // ph, w // pw, self.params.head_size, self.device)

    def embed_timestep(self, timestep: float) -> TimeEmbedding:
        """Embed a timestep, 0 (no noise) to 1000 (pure noise)."""
        half = self.params.freq_dim // 2
        powers = torch.arange(half, dtype=torch.float64, device=self.device) / half
        angles = timestep * _TIME_PERIOD**-powers
        waves = torch.cat([angles.cos(), angles.sin()]).float().unsqueeze(0)
        head = self.time_embedding(waves)
        blocks = self.time_projection(head)
        return TimeEmbedding(head, rearrange(blocks, "1 (six c) -> 1 six c", six=6))

    def forward(
        self, latents: Tensor, known: Tensor, time: TimeEmbedding, cond: Conditioning
    ) -> Tensor:
        """Return the velocity of `latents`, float32 (c, t, h, w).

        `known` (c', t, h, w) is the mask of known frames, 4 channels, followed by their latents.
        """
        (x,) = self.run_blocks([self.embed_patches(latents, known)], time, [cond])
        return self.predict_velocity(x, time, latents.shape)

    def embed_patches(self, latents: Tensor, known: Tensor) -> Tensor:
        """Return the residual stream before the first block, (1, l, c)."""
        pt, ph, pw = self.params.patch_size
        x = torch.cat([latents, known]).to(self.dtype)
        order = "c (t pt) (h ph) (w pw) -> 1 (t h w) (c pt ph pw)"
        x = rearrange(x, order, pt=pt, ph=ph, pw=pw)
        embed = self.patch_embedding  # patches don't overlap: a linear layer does the same, faster
        return linear(x, embed.weight.flatten(1), embed.bias)

    def run_blocks(
        self,
        streams: Sequence[Tensor],
        time: TimeEmbedding,
        conditionings: Sequence[Conditioning],
        before_each: Callable[[], None] = lambda: None,
    ) -> list[Tensor]:
        """Return the residual streams (1, l, c) of several branches after the last block.

        All streams pass a block before the next one, so that an offloaded block is copied once.
        `before_each` is called before each such pass and may raise to end the work.
        """
        streams = list(streams)
        with use_kernel(self.kernel):
            for index, block in enumerate(self.iterate_blocks("step")):
                for number, cond in enumerate(conditionings):
                    before_each()
                    streams[number] = block(streams[number], time, cond, index)
        return streams

    def predict_velocity(self, x: Tensor, time: TimeEmbedding, shape: Sequence[int]) -> Tensor:
        """Return the velocity, of `shape` (c, t, h, w), from the stream after the last block."""
        pt, ph, pw = self.params.patch_size
        _, t, h, w = shape
        sizes = {"t": t // pt, "h": h // ph, "w": w // pw, "pt": pt, "ph": ph, "pw": pw}
        patches: Tensor = self.head(x, time)
        return rearrange(patches, "1 (t h w) (pt ph pw c) -> c (t pt) (h ph) (w pw)", **sizes)

    @property
    def dtype(self) -> torch.dtype:
        return self.patch_embedding.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.patch_embedding.weight.device


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.addcmul(shift, x, 1 + scale).to(x.dtype)


def apply_gate(x: Tensor, change: Tensor, gate: Tensor) -> Tensor:
    return torch.addcmul(x, change, gate).to(x.dtype)
