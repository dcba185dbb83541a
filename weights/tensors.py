"""Which tensors a part's files hold: their headers only, no numbers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from weights.errors import WeightsError
from weights.names import to_network_name

FLOAT8 = "F8_E4M3"  # safetensors' word
SCALE_SUFFIX = ".scale"  # ending of what 8-bit rows are multiplied with; beside their ".weight"
_LENGTH_BYTES = 8  # at the start of a file, of its header
_MAX_NAMES = 5  # names of each kind of fault


class MismatchError(WeightsError):
    """A file is damaged, or tensors are missing, unexpected or misshapen; the message says so."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in its file, under the name it has there: `dtype` in safetensors' words, its first
    byte at `start`."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str
    start: int


def find_tensors(folder: Path) -> dict[str, StoredTensor]:
    """The tensors of a part, whose name is the folder's, by the network's own names for them.

    An index (`*.index.json`) says in which file a tensor is; of files that it does not name, and
    without one, all tensors count. Raises FileNotFoundError when there is no file, MisfitError
    when one is damaged, lacks what its index promises, or two hold the same tensor.
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
    """The tensors of one file. Raises MisfitError when it is damaged or cut short."""
    try:
        with safe_open(file, framework="np"):
            pass  # the library checks the header, and that all it names is there
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
    """What is written beside the tensors; nothing when the file is not whole."""
    try:
        with safe_open(file, framework="np") as opened:
            return opened.metadata() or {}
    except (SafetensorError, OSError):
        return {}


def require_match(wanted: Mapping[str, Iterable[int]], found: Mapping[str, Iterable[int]]) -> None:
    """Raises MisfitError unless names and shapes of `found` are exactly those `wanted`."""
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
        raise MismatchError(
            "; ".join(_summarise_fault(kind, names) for kind, names in faults.items() if names)
        )


def _read_index(folder: Path) -> dict[str, str]:
    """The file of each tensor that the folder's index names."""
    named: dict[str, str] = {}
    for file in sorted(folder.glob("*.index.json")):
        try:
            named |= json.loads(file.read_text())["weight_map"]
        except (ValueError, KeyError, TypeError) as error:
            raise MismatchError(f"{file.name} is damaged: {error!r}") from error
    return named


def _summarise_fault(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{len(names)} {kind}: {', '.join(names[:_MAX_NAMES])}{more}"
