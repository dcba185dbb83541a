"""The video transformer at the true token grid and a narrow width, against its plain twin.

The twin does what the original does: rotations anew in complex128 for each use, keys and values of
text, picture and voices in each block, the reference map as a whole matrix. Only its softmax is
fused here, because whole self-attention matrices would not fit. The floor is nothing but the same
attentions and linear layers. Memory is what a forward adds to the process (Linux only).
"""

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from inference.multitalk.models import attention
from inference.multitalk.models.attention import attend
from inference.multitalk.models.registry import MODELS
from inference.multitalk.models.transformer import Conditioning, Transformer, TransformerParams
from tests.support.plain import dit

T, H, W = 21, 56, 112  # latents of 81 frames of 896x448: 21 x 28 x 56 tokens
FRAMES = 81
NARROW = replace(
    MODELS["multitalk-14b"].transformer, dim=256, ffn_dim=691, num_heads=2, num_layers=1
)


@dataclass(frozen=True)
class Cost:
    """Of one call: wall time, and how much the process's peak memory rose above where it was."""

    seconds: float
    added_mb: float


@dataclass(frozen=True)
class Inputs:
    """What a forward is given, for one voice or two."""

    latents: Tensor
    known: Tensor
    context: Tensor
    image: Tensor
    voices: Tensor
    masks: Tensor | None  # of latents


def made_up(params: TransformerParams, speakers: int) -> Inputs:
    """Inputs of the true grid; two speakers are in the left and the right third of the frame."""
    random = torch.Generator().manual_seed(speakers)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=random)

    masks = None
    if speakers == 2:
        masks = torch.zeros(3, H, W)
        masks[0, :, : W // 3] = masks[1, :, -(W // 3) :] = 1
        masks[2] = 1 - masks[0] - masks[1]
    return Inputs(
        normal(params.out_dim, T, H, W),
        normal(params.in_dim - params.out_dim, T, H, W),
        normal(100, params.text_dim),
        normal(1, 257, params.clip_dim),
        normal(speakers, FRAMES, params.audio_layers, params.audio_channels),
        masks,
    )


def conditioned(model: Transformer, given: Inputs) -> Conditioning:
    """What a window computes once."""
    masks = None if given.masks is None else given.masks[:, ::2, ::2].flatten(1)
    return Conditioning(
        model.project_text(given.context),
        model.project_image(given.image),
        model.project_voices(given.voices, 0, FRAMES),
        model.compute_rotation(T, H, W),
        masks,
    )


def plain(model: Transformer, given: Inputs) -> Tensor:
    """The twin's forward, with fused softmax."""
    windows = torch.stack([dit.audio_windows(v, 0, FRAMES) for v in given.voices])
    with patch.object(dit, "attend", _fused):
        return dit.velocity(
            dict(model.named_parameters()),
            vars(model.params),
            given.latents,
            500.0,
            given.context,
            given.image,
            given.known,
            windows,
            given.masks,
        )


def _fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    out = scaled_dot_product_attention(q[None], k[None], v[None])
    return out[0].transpose(0, 1).flatten(1)


def floor(params: TransformerParams, speakers: int) -> Callable[[], None]:
    """Runs the linear layers and attentions of one forward on tensors of their shapes."""
    s, d, dim = H * W // 4, params.head_size, params.dim
    tokens = T * s
    patch, block = math.prod(params.patch_size), params.num_layers
    sizes = {
        (patch * params.in_dim, dim): 1,
        (dim, dim): 8 * block,
        (dim, params.ffn_dim): block,
        (params.ffn_dim, dim): block,
        (dim, patch * params.out_dim): 1,
    }
    layers = [
        (torch.rand(1, tokens, i), torch.rand(o, i), torch.rand(o), n)
        for (i, o), n in sizes.items()
    ]
    q = torch.rand(1, tokens, params.num_heads, d)
    frames = torch.rand(T, s, params.num_heads, d)
    heard = torch.rand(T, speakers * params.context_tokens, params.num_heads, d)

    def run() -> None:
        for x, weight, bias, count in layers:
            for _ in range(count):
                linear(x, weight, bias)
        for _ in range(params.num_layers):
            attend(q, q, q)
            for keys in (params.text_len, 257, *([s] if speakers == 2 else [])):
                attend(q, q[:, :keys], q[:, :keys])
            attend(frames, heard, heard)

    return run


def cost(work: Callable[[], Any]) -> Cost:
    """What one call of `work` takes."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, started = _status_mb("VmRSS"), time.monotonic()
    with torch.inference_mode():
        work()
    return Cost(time.monotonic() - started, _status_mb("VmHWM") - before)


def _status_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes that operations read and write, views left out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.moved += sum(map(_size, (*args, out)))
        return out


def _size(value: object) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.itemsize
    return sum(map(_size, value)) if isinstance(value, list | tuple) else 0


@contextmanager
def _counted_attention(counts: dict[str, int]) -> Iterator[None]:
    """Attention as one operation: its own products, and only what goes in and comes out."""

    def counted(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        counts["flops"] += 4 * q.numel() * k.shape[2]
        counts["bytes"] += _size([q, q, k, v])
        return torch.empty_like(q)

    with patch.object(attention, "scaled_dot_product_attention", counted):
        yield


def counted(params: TransformerParams, speakers: int) -> tuple[float, float, float]:
    """Of one pass over a full window in bfloat16: floating-point operations, bytes of weights
    read, bytes moved in all if nothing is fused but attention."""
    with torch.device("meta"):
        model = Transformer(params).bfloat16()
    made = made_up(params, speakers)
    given = Inputs(*(None if t is None else t.to("meta") for t in vars(made).values()))  # type: ignore[arg-type]
    counts = {"flops": 0, "bytes": 0}
    with torch.inference_mode():
        conditioning, moment = conditioned(model, given), model.embed_timestep(500.0)
        traffic, flops = _Traffic(), FlopCounterMode(display=False)
        with _counted_attention(counts), flops, traffic:
            model(given.latents, given.known, moment, conditioning)
    once = (".k.", ".v.", ".k_img.", ".v_img.")  # read once a window, for the keys and values
    weights = sum(
        p.numel() * p.itemsize
        for name, p in model.blocks.named_parameters()
        if "kv_linear" not in name and not ("cross_attn" in name and any(o in name for o in once))
    )
    return flops.get_total_flops() + counts["flops"], weights, traffic.moved + counts["bytes"]


def measured(model: Transformer, speakers: int) -> tuple[Cost, Cost, Cost]:
    """What a forward, its floor and its plain twin take; the better one of two runs of the first
    two, the twin once."""
    given = made_up(model.params, speakers)
    with torch.inference_mode():
        conditioning, moment = conditioned(model, given), model.embed_timestep(500.0)
    least = floor(model.params, speakers)

    def forward() -> Tensor:
        out: Tensor = model(given.latents, given.known, moment, conditioning)
        return out

    costs = [(cost(forward), cost(least)) for _ in range(2)]
    ours, floors = (min(runs, key=lambda c: c.seconds) for runs in zip(*costs, strict=True))
    return ours, floors, cost(lambda: plain(model, given))


def main() -> None:
    """Print both tables."""
    torch.manual_seed(0)
    model = Transformer(NARROW).eval()
    print(f"\nOne forward at {T}x{H // 2}x{W // 2} tokens, width {NARROW.dim}, one block:\n")
    print("| speakers | s | times the floor | of the plain twin's | adds, MB | of the twin's |")
    print("|---|---|---|---|---|---|")
    added = []
    for speakers in (1, 2):
        ours, least, twin = measured(model, speakers)
        added.append(ours.added_mb)
        print(
            f"| {speakers} | {ours.seconds:.1f} | {ours.seconds / least.seconds:.2f} "
            f"| {ours.seconds / twin.seconds:.2f} | {ours.added_mb:.0f} "
            f"| {ours.added_mb / twin.added_mb:.2f} |"
        )
    print(f"\nTwo speakers add {added[1] / added[0]:.2f} times the memory that one adds.")
    for speakers in (1, 2):
        flops, weights, moved = counted(MODELS["multitalk-14b"].transformer, speakers)
        print(
            f"One pass of the 14B model, {speakers} speaking: {flops / 1e15:.3f} PFLOP, "
            f"{weights / 1e9:.1f} GB of weights, {moved / 1e12:.2f} TB moved where only attention "
            "is fused."
        )


if __name__ == "__main__":
    main()
