"""A set of weights of 6 GB, prepared and loaded: how fast, and with how much memory.

Each in a process of its own, whose peak counts whatever of a file is mapped at the time too (Linux
only). Times are ratios to reading the same files whole into memory, all from the page cache.
"""

import json
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inference.multitalk.models.registry import MODELS, ModelSpec
from inference.multitalk.runtime.networks import LoadOptions, read_networks
from tests.support.tiny_networks import CPU
from weights.disk import Disk
from weights.manifest import MULTITALK_14B, Manifest
from weights.names import to_network_name
from weights.prepare import prepare
from weights.sets import DTYPES, LEAN_SETS, ORIGINAL, SetMarker, write_marker
from weights.shards import TensorSpec, open_shard

_TINY, _BIG = MODELS["multitalk-tiny"], MODELS["multitalk-14b"]
SPEC = replace(
    _TINY,
    transformer=replace(_BIG.transformer, dim=2048, ffn_dim=5530, num_heads=16, num_layers=15),
    text=dict(_TINY.text, vocab_size=256_384, d_model=1024, d_kv=64, num_heads=16),
)


def write_original(weights: Path) -> Manifest:
    """A complete set `original` of `SPEC` in float32, the same numbers again and again."""
    networks = _built(SPEC)
    shapes = {
        part: {n: t.shape for n, t in network.state_dict().items() if to_network_name(part, n)}
        for part, network in networks.items()
    }
    (weights / "shapes.json").write_text(json.dumps(shapes))
    manifest = replace(MULTITALK_14B, shapes=weights / "shapes.json")
    folder = weights / manifest.model / ORIGINAL
    for part, network in networks.items():
        wanted = {n: t for n, t in network.state_dict().items() if to_network_name(part, n)}
        entries = [TensorSpec(name, tuple(t.shape), torch.float32) for name, t in wanted.items()]
        with open_shard(folder / part / "model.safetensors", entries, {}) as writer:
            for name, tensor in wanted.items():
                for piece in _numbers(tensor.numel()):
                    writer.write(name, piece)
    files = {f.relative_to(folder).as_posix(): f.stat().st_size for f in folder.glob("*/*")}
    write_marker(folder, SetMarker("synthetic", files, {}))
    return manifest


def _numbers(count: int) -> Iterator[Tensor]:
    size = 1 << 24
    random = 0.02 * torch.randn(size, generator=torch.Generator().manual_seed(0))
    for start in range(0, count, size):
        yield random[: min(size, count - start)]


def _built(spec: ModelSpec) -> dict[str, nn.Module]:
    with torch.device("meta"):
        return {name: build().eval() for name, build in spec.get_builders().items()}


def loaded(folder: Path) -> int:
    """Load a lean set as for a GPU, into host memory; returns its bytes there."""
    dtypes = {part: getattr(torch, dtype) for part, dtype in DTYPES.items()}
    networks = read_networks(SPEC, folder, CPU, dtypes, LoadOptions())
    return sum(p.nbytes for part in vars(networks).values() for p in part.parameters())


def read_plainly(folder: Path) -> None:
    """Read every file into memory, one after the other."""
    for file in folder.rglob("*.safetensors"):
        file.read_bytes()


def apart(work: Callable[..., Any], *given: Any) -> tuple[Any, float, float]:
    """What `work` returns in a new process, with its seconds and that process's peak in GB."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_watched, (work, given))


def _watched(work: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, float, float]:
    started = time.monotonic()
    result = work(*given)
    seconds = time.monotonic() - started
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return result, seconds, peak * 1024 / 1e9


def _prepare(weights: Path, manifest: Manifest, kind: str) -> None:
    prepare(weights, manifest, kind, lambda _: None, Disk())


def bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def main() -> None:
    """Print the table."""
    weights = Path(tempfile.mkdtemp())
    try:
        manifest = write_original(weights)
        model = weights / manifest.model
        total = bytes_of(model / ORIGINAL) / 1e9
        print(f"\nA set of {total:.2f} GB, prepared and loaded:\n")
        print("| set | GB | prepare: times a read | peak, GB | load: times a read | peak, GB |")
        print("|---|---|---|---|---|---|")
        for kind in LEAN_SETS:
            print(row(weights, manifest, kind))
    finally:
        shutil.rmtree(weights)


def row(weights: Path, manifest: Manifest, kind: str) -> str:
    model = weights / manifest.model
    _, original_s, _ = apart(read_plainly, model / ORIGINAL)
    _, prepare_s, prepare_peak = apart(_prepare, weights, manifest, kind)
    _, read_s, _ = apart(read_plainly, model / kind)
    size, load_s, load_peak = apart(loaded, model / kind)
    return (
        f"| {kind} | {bytes_of(model / kind) / 1e9:.2f} | {prepare_s / original_s:.1f} "
        f"| {prepare_peak:.2f} | {load_s / read_s:.1f} "
        f"| {load_peak:.2f}, of it the weights {size / 1e9:.2f} |"
    )


if __name__ == "__main__":
    main()
