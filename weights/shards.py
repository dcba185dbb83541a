"""Writer of safetensors files, piece by piece, and the 8-bit numbers they may hold.

Format (safetensors, `format.md`): the header's length in 8 bytes, little-endian; the header in
JSON; the tensors' bytes one after the other.

8-bit weights are e4m3 floating point (OCP 8-bit Floating Point Specification, 2023) with a scale
for each row. A scale is a power of two, so that scaling is exact and only the rounding to e4m3's 4
significant bits is lost: at most 1/16 of each weight, except those under 1/2^13 of their row's
largest.
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
_DTYPE_NAMES = {dtype: name for name, dtype in TORCH_DTYPES.items()}
_LENGTH_BYTES = 8  # of the header's length at the start of the file
_ALIGNMENT_BYTES = 8  # of the tensors' data
_MAX_E4M3 = 448.0
_MIN_EXPONENT = -100  # of a scale: far above float32's smallest


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and dtype of a tensor to be written."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size_bytes(self) -> int:
        return torch.Size(self.shape).numel() * self.dtype.itemsize


@contextmanager
def open_shard(
    path: Path,
    specs: Sequence[TensorSpec],
    metadata: Mapping[str, str],
    open_part: Callable[[Path], AbstractContextManager[Path]] = write_atomically,
) -> Iterator["ShardWriter"]:
    """Yield a writer of the file `path`, which appears complete once the block ends.

    After an error there is no file. Raises ValueError if a tensor did not get all its numbers.
    """
    with open_part(path) as part, part.open("wb") as file:
        writer = ShardWriter(file, specs, metadata)
        yield writer
        writer.finish()


class ShardWriter:
    """Writer of the tensors `specs` to a file, each in any number of pieces, in any order."""

    def __init__(
        self, file: BinaryIO, specs: Sequence[TensorSpec], metadata: Mapping[str, str]
    ) -> None:
        self._file = file
        self._left: dict[str, tuple[int, int]] = {}  # name -> next position, bytes left
        header: dict[str, object] = {"__metadata__": dict(metadata)}
        # the widest dtypes first, so that every tensor is aligned to its element size
        position = 0
        for spec in sorted(specs, key=lambda spec: -spec.dtype.itemsize):
            end = position + spec.size_bytes
            header[spec.name] = {
                "dtype": _DTYPE_NAMES[spec.dtype],
                "shape": spec.shape,
                "data_offsets": (position, end),
            }
            self._left[spec.name] = (position, spec.size_bytes)
            position = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT_BYTES)
        self._start = _LENGTH_BYTES + len(text)
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)

    def write(self, name: str, piece: Tensor) -> None:
        """Write the next numbers of a tensor; raise ValueError if they are too many."""
        data = piece.contiguous().flatten().view(torch.uint8).numpy()
        position, left = self._left[name]
        if len(data) > left:
            raise ValueError(f"{name} has more numbers than its shape")
        self._file.seek(self._start + position)
        self._file.write(data.data)
        self._left[name] = (position + len(data), left - len(data))

    def finish(self) -> None:
        """Flush the file to the disk; raise ValueError if a tensor is incomplete."""
        short = [name for name, (_, left) in self._left.items() if left]
        if short:
            raise ValueError(f"{short[0]} has fewer numbers than its shape")
        self._file.flush()
        os.fsync(self._file.fileno())


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows (n, c) as e4m3 (n, c) and float32 scales (n,), whose product approximates them.

    Raises ValueError if a number is not finite.
    """
    rows = weight.float()
    if not rows.isfinite().all():
        raise ValueError("a weight is not finite")
    _, exponent = torch.frexp(rows.abs().amax(1) / _MAX_E4M3)
    scale = torch.ldexp(torch.ones(len(rows)), exponent.clamp(min=_MIN_EXPONENT))
    return (rows / scale.unsqueeze(1)).to(torch.float8_e4m3fn), scale


def dequantise(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Return e4m3 rows (n, c) times their scales (n,), in `dtype`: exact in bfloat16 and wider."""
    return weight.to(dtype) * scale.to(dtype).unsqueeze(1)
