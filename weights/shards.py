"""Writes a safetensors file piece by piece, so that no tensor need be in memory whole.

The format (safetensors, `format.md`): the header's length in 8 bytes, little-endian; the header in
JSON; the tensors' bytes one after the other.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from weights.disk import write_atomically

TORCH_DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
}
_DTYPE_NAMES = {dtype: word for word, dtype in TORCH_DTYPES.items()}
_MAX_E4M3 = 448.0  # that e4m3 can hold
_MIN_EXPONENT = -100  # of a scale: far from where float32 ends
_ALIGNMENT_BYTES = 8  # bytes, of where tensors begin


@dataclass(frozen=True)
class TensorSpec:
    """A tensor to be written."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size_bytes(self) -> int:
        return torch.Size(self.shape).numel() * self.dtype.itemsize


@contextmanager
def open_shard(
    path: Path,
    entries: Sequence[TensorSpec],
    metadata: Mapping[str, str],
    making: Callable[[Path], AbstractContextManager[Path]] = write_atomically,
) -> Iterator["ShardWriter"]:
    """Writes the file `path`, which is there whole once the block ends, and not at all after an
    error; `making` it says where. Raises ValueError when a tensor did not get all its numbers."""
    with making(path) as part, part.open("wb") as file:
        writer = ShardWriter(file, entries, metadata)
        yield writer
        writer.finish()


class ShardWriter:
    """Writes the tensors `entries` to a file, each in as many pieces as one likes."""

    def __init__(
        self, file: BinaryIO, entries: Sequence[TensorSpec], metadata: Mapping[str, str]
    ) -> None:
        self._file = file
        self._left: dict[str, tuple[int, int]] = {}  # position and bytes still to come
        header: dict[str, object] = {"__metadata__": dict(metadata)}
        # the widest numbers first: so all are aligned to their size
        position = 0
        for entry in sorted(entries, key=lambda entry: -entry.dtype.itemsize):
            end = position + entry.size_bytes
            header[entry.name] = {
                "dtype": _DTYPE_NAMES[entry.dtype],
                "shape": entry.shape,
                "data_offsets": (position, end),
            }
            self._left[entry.name] = (position, entry.size_bytes)
            position = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT_BYTES)
        self._start = _ALIGNMENT_BYTES + len(text)
        file.write(len(text).to_bytes(8, "little") + text)

    def write(self, name: str, piece: Tensor) -> None:
        """The next numbers of a tensor. Raises ValueError when it has no more."""
        data = piece.contiguous().flatten().view(torch.uint8).numpy()
        position, left = self._left[name]
        if len(data) > left:
            raise ValueError(f"{name} has more numbers than its shape")
        self._file.seek(self._start + position)
        self._file.write(data.data)
        self._left[name] = (position + len(data), left - len(data))

    def finish(self) -> None:
        """All is written, and on the disk."""
        short = [name for name, (_, left) in self._left.items() if left]
        if short:
            raise ValueError(f"{short[0]} has fewer numbers than its shape")
        self._file.flush()
        os.fsync(self._file.fileno())


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
