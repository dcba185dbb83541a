"""Reference cases as data, with weights and inputs from a formula or from files."""

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

CASE_FILE = "case.json"


@dataclass(frozen=True)
class Target:
    """Device and dtype in which a case is computed."""

    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class Case:
    """Reference case: its folder and the values of its `case.json`."""

    folder: Path
    values: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.values.get("kind", "?"))

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.values.get("config", {}))

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.values.get("options", {}))

    def select_dtype(self, requested: torch.dtype) -> tuple[torch.dtype, float]:
        """Return the dtype to compute in when `requested` is wanted, and its tolerance."""
        reduced = self.values.get("tolerance_bfloat16")
        if requested is torch.bfloat16 and reduced is not None:
            return torch.bfloat16, float(reduced)
        return torch.float32, float(self.values["tolerance"])

    def load_weights(self, target: Target, part: str | None = None) -> dict[str, Tensor]:
        """Load a network's tensors; `part` names the network if the case has several."""
        source = self.values["weights"] if part is None else self.values["weights"][part]
        if "file" in source:
            tensors = load_file(self.folder / source["file"])
        else:
            shapes = json.loads((self.folder / source["shapes"]).read_text())
            tensors = {
                n: _generate_weight(source["prefix"], n, shape) for n, shape in shapes.items()
            }
        return {name: tensor.to(target.device, target.dtype) for name, tensor in tensors.items()}

    def load_inputs(self, device: torch.device) -> dict[str, Tensor]:
        """Load the input tensors, float32 unless their file has another dtype."""
        source = self.values["inputs"]
        if "file" in source:
            tensors = load_file(self.folder / source["file"])
        else:
            scale = source.get("scale", {})
            units = {
                key: _generate_uniform(f"{source['salt']}in.{key}", shape)
                for key, shape in source.get("tensors", {}).items()
            }
            tensors = {
                k: _to_float32(scale.get(k, math.sqrt(3)) * unit) for k, unit in units.items()
            }
        return {key: tensor.to(device) for key, tensor in tensors.items()}

    def load_image(self) -> Image.Image:
        """Load the input picture, RGB."""
        with Image.open(self.folder / self.values["inputs"]["image"]) as opened:
            return opened.convert("RGB")

    def load_expected(self) -> Any:
        """Load the expected tensors by key, or the value of "out" in the JSON file."""
        file = self.folder / "expected.json"
        if file.exists():
            return json.loads(file.read_text())["out"]
        tensors = load_file(self.folder / "expected.safetensors")
        return {key: t for key, t in tensors.items() if key == "out" or key.startswith("out.")}


def find_cases(root: Path) -> Iterator[tuple[str, Case]]:
    """Yield all cases at or below `root` with their names, sorted by name."""
    if root.name == CASE_FILE:
        root = root.parent
    for file in sorted(root.rglob(CASE_FILE)):
        name = file.parent.relative_to(root).as_posix()
        case = Case(file.parent, _read_values(file))
        yield (file.parent.resolve().name if name == "." else name), case


def _read_values(file: Path) -> dict[str, Any]:
    """Read a JSON object; return an empty one for anything else, so that only this case fails."""
    try:
        values = json.loads(file.read_text())
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _generate_weight(prefix: str, name: str, shape: Sequence[int]) -> Tensor:
    """Generate a plausible parameter: gains near 1, small biases, others scaled by fan-in."""
    unit, leaf = _generate_uniform(prefix + name, shape), name.rpartition(".")[2]
    if leaf in ("gamma", "original0") or (len(shape) == 1 and leaf == "weight"):
        return _to_float32(1 + 0.2 * unit)
    if len(shape) <= 1:
        return _to_float32(0.1 * unit)
    if leaf == "modulation":
        return _to_float32(0.3 * unit)
    return _to_float32(unit * math.sqrt(3 / (unit.size / shape[0])))


def _generate_uniform(name: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """Generate numbers in [-1, 1) from `name` and index: splitmix64 of a CRC-32 and the index."""
    word = np.uint64
    z = np.arange(math.prod(shape), dtype=word) + word(zlib.crc32(name.encode()) << 32)
    z += word(0x9E3779B97F4A7C15)
    z = (z ^ (z >> word(30))) * word(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> word(27))) * word(0x94D049BB133111EB)
    z ^= z >> word(31)
    return ((z >> word(40)).astype(np.float64) / 2**24 * 2 - 1).reshape(shape)


def _to_float32(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
