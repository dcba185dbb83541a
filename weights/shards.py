"""Writes a safetensors file piece by piece, so that no tensor need be in memory whole.

The format (safetensors, `format.md`): the header's length in 8 bytes, little-endian; the header in
JSON; the tensors' bytes one after the other.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

NUMBERS = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
}
_WORDS = {dtype: word for word, dtype in NUMBERS.items()}
_ALIGNED = 8  # bytes, of where tensors begin


@dataclass(frozen=True)
class Entry:
    """A tensor to be written."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size_bytes(self) -> int:
        return torch.Size(self.shape).numel() * self.dtype.itemsize


class ShardWriter:
    """A context manager; the file has its name once it is whole, and not at all after an error."""

    def __init__(self, path: Path, entries: Sequence[Entry], metadata: Mapping[str, str]) -> None:
        self._path, self._part = path, path.with_suffix(".part")
        self._left: dict[str, tuple[int, int]] = {}  # position and bytes still to come
        header: dict[str, object] = {"__metadata__": dict(metadata)}
        # the widest numbers first: so all are aligned to their size
        position = 0
        for entry in sorted(entries, key=lambda entry: -entry.dtype.itemsize):
            end = position + entry.size_bytes
            header[entry.name] = {
                "dtype": _WORDS[entry.dtype],
                "shape": entry.shape,
                "data_offsets": (position, end),
            }
            self._left[entry.name] = (position, entry.size_bytes)
            position = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNED)
        self._start = _ALIGNED + len(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")
        self._file.write(len(text).to_bytes(8, "little") + text)

    def write(self, name: str, piece: Tensor) -> None:
        """The next numbers of a tensor."""
        data = piece.contiguous().flatten().view(torch.uint8).numpy()
        position, left = self._left[name]
        if len(data) > left:
            raise ValueError(f"{name} has more numbers than its shape")
        self._file.seek(self._start + position)
        self._file.write(data.data)
        self._left[name] = (position + len(data), left - len(data))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            short = [name for name, (_, left) in self._left.items() if left]
            if kind is None and short:
                raise ValueError(f"{short[0]} has fewer numbers than its shape")
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                os.replace(self._part, self._path)
        finally:
            self._file.close()
            self._part.unlink(missing_ok=True)
