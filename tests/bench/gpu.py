"""Speed and memory of MultiTalk's true sizes on this machine's GPU: `make bench-gpu`.

Weights are random numbers, made on the GPU. The floor of a pass is its floating-point operations
at the rate of the fastest of the model's own matrix products, in the same run and numbers. Each
time is the better one of two, after one that does not count. Prints a table in Markdown.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from inference.multitalk.models.attention import Kernel
from inference.multitalk.models.encoders import VideoAutoencoder
from inference.multitalk.models.registry import MODELS
from inference.multitalk.models.transformer import Transformer, TransformerParams
from inference.multitalk.runtime.kernels import choose_kernel
from tests.bench import transformer
from tests.bench.transformer import Inputs, conditioned, counted, made_up
from weights.loading import load_part
from weights.shards import TensorSpec, open_shard
from weights.tensors import find_tensors

AIM = 1.25  # a pass over its floor
_NUMBERS = torch.bfloat16
_LOADED_BLOCKS = 4  # of the transformer that is written and read: 4 GB
_PRODUCTS = 10  # of one shape, between two looks at the clock
_HEAD = "| | s | floor, s | times the floor | peak, GB |\n|---|---|---|---|---|"


class Bench:
    """Measures a model of the registry on a device."""

    def __init__(self, model: str, device: torch.device) -> None:
        self._model, self._spec, self._device = model, MODELS[model], device

    @torch.inference_mode()
    def rows(self) -> Iterator[str]:
        """The lines of the table, and what is to be known of it, as they are measured."""
        params = self._spec.transformer
        rate = max(map(self.rate, _shapes(params)))
        choice = choose_kernel(self._model, self._device, _NUMBERS)
        yield f"torch {torch.__version__}; matrix products at {rate / 1e12:.0f} TFLOP/s at best, "
        yield f"which makes the floors; chosen: attention by {choice.sentence}.\n"
        yield _HEAD
        yield self.loading(replace(params, num_layers=min(_LOADED_BLOCKS, params.num_layers)))
        coder = self.filled(lambda: VideoAutoencoder(**self._spec.video), torch.float32)
        assert isinstance(coder, VideoAutoencoder)
        yield from self.coding(coder)
        model = self.filled(lambda: Transformer(params), _NUMBERS)
        assert isinstance(model, Transformer)
        kernels = list(choice.milliseconds or dict.fromkeys((choice.kernel, Kernel.TORCH)))
        for speakers in (1, 2):
            floor_s = counted(params, speakers)[0] / rate
            yield from self.passes(model, speakers, kernels, floor_s)
        yield f"| the aim, with the fastest | | | {AIM} | |"

    def rate(self, shape: tuple[int, int, int]) -> float:
        """Floating-point operations a second of x (l, c) by a weight (n, c), as (l, c, n)."""
        length, inputs, outputs = shape
        x, weight = (self._noise(size, inputs).to(_NUMBERS) for size in (length, outputs))

        def products() -> None:
            for _ in range(_PRODUCTS):
                linear(x, weight)

        return _PRODUCTS * 2 * math.prod(shape) / self.seconds(products)[0]

    def passes(
        self, model: Transformer, speakers: int, kernels: list[Kernel], floor_s: float
    ) -> Iterator[str]:
        """A pass over a full window with each kernel."""
        made = vars(made_up(model.params, speakers)).values()
        given = Inputs(*(None if t is None else t.to(self._device) for t in made))  # type: ignore[arg-type]
        conditioning, moment = conditioned(model, given), model.embed_timestep(500.0)
        for kernel in kernels:
            model.kernel = kernel
            s, peak = self.seconds(lambda: model(given.latents, given.known, moment, conditioning))
            who = "one speaks" if speakers == 1 else "two speak"
            ratio = f"{floor_s:.2f} | {s / floor_s:.2f}"
            yield f"| a pass, {who}, {kernel} | {s:.2f} | {ratio} | {peak:.1f} |"

    def coding(self, coder: VideoAutoencoder) -> Iterator[str]:
        """Frames of a full window to latents and back."""
        b = transformer
        video = self._noise(3, b.FRAMES, 8 * b.H, 8 * b.W).clamp(-1, 1)
        latents = self._noise(coder.config.z_dim, b.T, b.H, b.W)
        for name, work in (
            ("encoding", lambda: coder.to_latents(video)),
            ("decoding", lambda: coder.to_video(latents)),
        ):
            s, peak = self.seconds(work)
            size = f"{8 * b.W}x{8 * b.H}"
            yield f"| {name} {b.FRAMES} frames of {size} | {s:.2f} | | | {peak:.1f} |"

    def loading(self, params: TransformerParams) -> str:
        """A lean set's file, just written and so still in the host's memory, onto the device."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "transformer"
            write(params, folder / "model.safetensors")

            def load() -> int:
                with torch.device("meta"):
                    network = Transformer(params)
                return load_part(network, find_tensors(folder), lambda _: self._device, _NUMBERS)

            size = load() / 1e9
            s, peak = self.seconds(load)
        return f"| loading {size:.1f} GB, {size / s:.2f} GB/s | {s:.2f} | | | {peak:.1f} |"

    def filled(self, build: Callable[[], nn.Module], dtype: torch.dtype) -> nn.Module:
        """A network of random weights, which were never anywhere but on the device."""
        with torch.device("meta"):
            network = build().eval()
            if dtype is not torch.float32:  # what it is; the video's coder warns of being cast
                network.to(dtype)
        network.to_empty(device=self._device)
        for parameter in network.parameters():
            parameter.requires_grad_(False).normal_(std=0.02)
        return network

    def seconds(self, work: Callable[[], object]) -> tuple[float, float]:
        """How long `work` takes, and GB on the GPU at its peak, with what was there before."""
        work()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
        times = []
        for _ in range(2):
            self._wait()
            started = time.perf_counter()
            work()
            self._wait()
            times.append(time.perf_counter() - started)
        on_gpu = self._device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(self._device) if on_gpu else 0
        return min(times), peak / 1e9

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _noise(self, *size: int) -> Tensor:
        return torch.randn(size, device=self._device)


def _shapes(p: TransformerParams) -> list[tuple[int, int, int]]:
    """(l, c, n) of the products that most of a pass is."""
    b = transformer
    tokens = b.T * b.H * b.W // math.prod(p.patch_size)
    return [(tokens, c, n) for c, n in ((p.dim, p.dim), (p.dim, p.ffn_dim), (p.ffn_dim, p.dim))]


def write(params: TransformerParams, file: Path) -> None:
    """A transformer's parameters in bfloat16, the same numbers again and again."""
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in Transformer(params).state_dict().items()}
    numbers = torch.randn(1 << 24, generator=torch.Generator().manual_seed(0)).to(_NUMBERS)
    file.parent.mkdir()
    entries = [TensorSpec(name, shape, _NUMBERS) for name, shape in shapes.items()]
    with open_shard(file, entries, {}) as writer:
        for name, shape in shapes.items():
            count = math.prod(shape)
            for start in range(0, count, len(numbers)):
                writer.write(name, numbers[: min(len(numbers), count - start)])


def main() -> None:
    """Print the table. Exits with 2 where there is no GPU."""
    if not torch.cuda.is_available():
        print("make bench-gpu needs an NVIDIA GPU that torch can use, and sees none here.")
        raise SystemExit(2)
    device = torch.device("cuda")
    print(f"{torch.cuda.get_device_name(device)}, ", end="")
    for line in Bench("multitalk-14b", device).rows():
        print(line, flush=True)


if __name__ == "__main__":
    main()
