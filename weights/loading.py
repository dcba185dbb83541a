"""Loading of tensors from safetensors files into a network: all of them or none.

Files are read in pieces by several threads, so loading needs half a gigabyte beside the network.
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import RawIOBase
from itertools import chain, zip_longest
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from weights.shards import TORCH_DTYPES
from weights.tensors import FLOAT8, SCALE_SUFFIX, MismatchError, StoredTensor, require_match

PIECE_ELEMENTS = 1 << 24  # read at a time: 64 MB in float32
_READERS = 8  # threads: one alone gets a fraction of a cloud disk's bandwidth

DeviceChooser = Callable[[str], torch.device]  # tensor name -> its device


def read_file(file: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return all tensors of a small file; raise OSError or MismatchError if it is unreadable."""
    try:
        with safe_open(file, framework="pt", device=str(device)) as opened:
            return {name: opened.get_tensor(name).to(dtype, copy=True) for name in opened.keys()}
    except SafetensorError as error:
        raise MismatchError(f"{file.name} is damaged: {error}") from error


def allocate_buffer() -> Tensor:
    """Return a buffer for `read_pieces`; reuse it, since allocating one for each tensor is slow."""
    return torch.empty(PIECE_ELEMENTS * torch.float32.itemsize, dtype=torch.uint8)


def read_pieces(source: StoredTensor, buffer: Tensor) -> Iterator[Tensor]:
    """Yield a tensor's rows in order, some at a time (r, ...), in the file's dtype.

    Every piece is a view of `buffer`, valid until the next one is requested. A scalar comes as a
    single piece (1,). Raises MismatchError if the file is cut short or of an unknown dtype.
    """
    if source.dtype not in TORCH_DTYPES:
        raise MismatchError(f"{source.name} in {source.file.name} is of {source.dtype} numbers")
    dtype, (count, *row) = TORCH_DTYPES[source.dtype], source.shape or (1,)
    row_bytes = math.prod(row) * dtype.itemsize
    if row_bytes > len(buffer):
        buffer = torch.empty(row_bytes, dtype=torch.uint8)
    rows = len(buffer) // row_bytes if row_bytes else max(1, count)
    # read, not mapped: a mapping's page faults cost more than a copy, and its pages count as memory
    with source.file.open("rb", buffering=0) as file:
        file.seek(source.start)
        for start in range(0, count, rows):
            length = min(rows, count - start)
            piece = buffer[: length * row_bytes]
            _fill_buffer(file, piece.numpy().data, source)
            yield piece.view(dtype).view(length, *row)


def _fill_buffer(file: RawIOBase, buffer: memoryview, source: StoredTensor) -> None:
    while buffer:
        count = file.readinto(buffer)
        if not count:
            raise MismatchError(f"{source.file.name} ends in the middle of {source.name}")
        buffer = buffer[count:]


def read_tensor(
    source: StoredTensor, device: torch.device, dtype: torch.dtype, buffer: Tensor
) -> Tensor:
    """Return one tensor in `dtype`, copied to `device` piece by piece; 8-bit ones stay 8-bit."""
    target_dtype = torch.float8_e4m3fn if source.dtype == FLOAT8 else dtype
    target = torch.empty(source.shape or (1,), dtype=target_dtype, device=device)
    row = 0
    for piece in read_pieces(source, buffer):
        target[row : row + len(piece)].copy_(piece)
        row += len(piece)
    return target.view(source.shape)


def load_part(
    network: nn.Module,
    found: Mapping[str, StoredTensor],
    choose_device: DeviceChooser,
    dtype: torch.dtype,
) -> int:
    """Load every stored parameter and buffer of `network`; return how many bytes were read.

    `network` may be on the meta device. Raises MismatchError, before anything is read, unless the
    names and shapes `found` are exactly the network's. After an error the network is unchanged.
    """
    _match_state(network, {name: source.shape for name, source in found.items()})
    thread = threading.local()

    def set_up_thread() -> None:
        thread.buffer = allocate_buffer()

    def read_one(name: str) -> Tensor:
        target_dtype = torch.float32 if name.endswith(SCALE_SUFFIX) else dtype
        return read_tensor(found[name], choose_device(name), target_dtype, thread.buffer)

    names = _interleave_files(found)
    with ThreadPoolExecutor(_READERS, initializer=set_up_thread) as pool:
        # map cancels the reads that have not started after an error
        tensors = dict(zip(names, pool.map(read_one, names), strict=True))
    load_strict(network, tensors)
    return sum(math.prod(s.shape) * TORCH_DTYPES[s.dtype].itemsize for s in found.values())


def _interleave_files(found: Mapping[str, StoredTensor]) -> list[str]:
    """Return the names with neighbours in different files, each file's own in its order."""
    files: dict[Path, list[str]] = {}
    for name, source in found.items():
        files.setdefault(source.file, []).append(name)
    return [name for name in chain(*zip_longest(*files.values())) if name is not None]


def load_strict(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Make the `tensors` the stored parameters and buffers of `network`, without copying.

    They keep their dtype and device. Raises MismatchError, before anything is changed, unless names
    and shapes are exactly the network's; a shared tensor is expected once, under its first name.
    """
    first_names = _match_state(network, {name: tensor.shape for name, tensor in tensors.items()})
    parameters = {name for name, _ in network.named_parameters()}
    # one object for each tensor, so that shared parameters stay shared
    stored = {
        name: nn.Parameter(tensor, requires_grad=False) if name in parameters else tensor
        for name, tensor in tensors.items()
    }
    state = {name: stored[first_name] for name, first_name in first_names.items()}
    network.load_state_dict(state, assign=True)


def _match_state(network: nn.Module, found: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Return, for each name in the network's state, the first name that shares its tensor.

    Raises MismatchError unless `found` has exactly the first names, with the same shapes.
    """
    state = network.state_dict(keep_vars=True)
    first_by_id = {id(tensor): name for name, tensor in reversed(state.items())}
    first_names = {name: first_by_id[id(tensor)] for name, tensor in state.items()}
    require_match({name: state[name].shape for name in first_names.values()}, found)
    return first_names
