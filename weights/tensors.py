"""Reader of safetensors headers: names, shapes and positions of a part's tensors, no numbers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from weights.errors import WeightsError
from weights.names import to_network_name

FLOAT8 = "F8_E4M3"  # safetensors' name of e4m3
SCALE_SUFFIX = ".scale"  # of the scales of an 8-bit ".weight", one for each row
_LENGTH_BYTES = 8  # of the header's length at the start of the file
_MAX_NAMES = 5  # in a message, of each kind of fault


class MismatchError(WeightsError):
    """File that is damaged, or whose tensors or settings are not the model's; the message says how.

    Tensors can be missing, unexpected or misshapen.
    """


@dataclass(frozen=True)
class StoredTensor:
    """Tensor in a file, under its name there.

    `dtype` is safetensors' name of it, and `start` the position of its first byte in the file.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str
    start: int


def find_tensors(folder: Path) -> dict[str, StoredTensor]:
    """Return the tensors of the part that `folder` is named after, by the network's own names.

    An index (`*.index.json`) says which file has a tensor; tensors that it doesn't name count in
    every file. Raises FileNotFoundError if there is no file, MismatchError if one is damaged or
    lacks a tensor of the index, or if two hold the same tensor.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"no .safetensors file in {folder}")
    index = _read_index(folder)
    found: dict[str, StoredTensor] = {}
    for file in files:
        for source in read_header(file):
            name = to_network_name(folder.name, source.name)
            if name is None or index.get(source.name, file.name) != file.name:
                continue
            if name in found:
                raise MismatchError(f"{name} is in {found[name].file.name} and in {file.name}")
            found[name] = source
    for name, file_name in index.items():
        if to_network_name(folder.name, name) not in (None, *found):
            raise MismatchError(f"{name} is not in {file_name}, where the index has it")
    return found


def read_header(file: Path) -> Iterator[StoredTensor]:
    """Yield the tensors of one file; raise MismatchError if it is damaged or cut short."""
    try:
        with safe_open(file, framework="np"):
            pass  # the library checks the header, and that the file is as long as it says
    except SafetensorError as error:
        raise MismatchError(f"{file.name} is damaged: {error}") from error
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
        header = json.loads(opened.read(length))
    header.pop("__metadata__", None)
    for name, tensor in header.items():
        start = _LENGTH_BYTES + length + tensor["data_offsets"][0]
        yield StoredTensor(file, name, tuple(tensor["shape"]), tensor["dtype"], start)


def read_metadata(file: Path) -> Mapping[str, str]:
    """Return the metadata in a file's header; empty if the file is absent or damaged."""
    try:
        with safe_open(file, framework="np") as opened:
            return opened.metadata() or {}
    except (SafetensorError, OSError):
        return {}


def require_match(wanted: Mapping[str, Iterable[int]], found: Mapping[str, Iterable[int]]) -> None:
    """Raise MismatchError unless names and shapes of `found` are exactly those `wanted`."""
    shapes = {name: tuple(shape) for name, shape in found.items()}
    faults = {
        "missing": [name for name in wanted if name not in shapes],
        "unexpected": [name for name in shapes if name not in wanted],
        "misshapen": [
            f"{name} {shapes[name]} for {tuple(shape)}"
            for name, shape in wanted.items()
            if name in shapes and shapes[name] != tuple(shape)
        ],
    }
    if any(faults.values()):
        lines = [_summarise_fault(kind, names) for kind, names in faults.items() if names]
        raise MismatchError("; ".join(lines))


def _read_index(folder: Path) -> dict[str, str]:
    """Return the file name of each tensor in the folder's index."""
    index: dict[str, str] = {}
    for file in sorted(folder.glob("*.index.json")):
        try:
            index |= json.loads(file.read_text())["weight_map"]
        except (ValueError, KeyError, TypeError) as error:
            raise MismatchError(f"{file.name} is damaged: {error!r}") from error
    return index


def _summarise_fault(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{len(names)} {kind}: {', '.join(names[:_MAX_NAMES])}{more}"
