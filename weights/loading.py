"""Tensors from their files onto a network, all or none, a few at a time.

No more of a file is in memory than the pieces that are being read, so loading takes the memory of
what is loaded and half a gigabyte.
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

PIECE_ELEMENTS = 1 << 24  # of a tensor that are read at a time: 64 MB in float32
_READERS = 8  # tensors: one reader gets a small part of what a disk in a cloud gives to several

DeviceChooser = Callable[[str], torch.device]  # of a tensor, by its name


def read_file(file: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of one small file. Raises OSError or MisfitError when it can't be read."""
    try:
        with safe_open(file, framework="pt", device=str(device)) as opened:
            return {name: opened.get_tensor(name).to(dtype, copy=True) for name in opened.keys()}
    except SafetensorError as error:
        raise MismatchError(f"{file.name} is damaged: {error}") from error


def allocate_buffer() -> Tensor:
    """Memory for `read_pieces`. Used for one tensor after the other it need not be found anew."""
    return torch.empty(PIECE_ELEMENTS * torch.float32.itemsize, dtype=torch.uint8)


def read_pieces(source: StoredTensor, buffer: Tensor) -> Iterator[Tensor]:
    """A tensor's rows, some at a time, from the first to the last, as they are in the file.

    Each lies in `buffer`, so it is good until the next is asked for. A tensor without dimensions
    comes as one of one number.
    """
    if source.dtype not in TORCH_DTYPES:
        raise MismatchError(f"{source.name} in {source.file.name} is of {source.dtype} numbers")
    dtype, (count, *row) = TORCH_DTYPES[source.dtype], source.shape or (1,)
    row_bytes = math.prod(row) * dtype.itemsize
    if row_bytes > len(buffer):
        buffer = torch.empty(row_bytes, dtype=torch.uint8)
    rows = len(buffer) // row_bytes if row_bytes else max(1, count)
    # read and not mapped: pages of a mapping cost more than a copy, and count as memory
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
    """One tensor, copied to `device` piece by piece; one of 8 bits stays so."""
    numbers = torch.float8_e4m3fn if source.dtype == FLOAT8 else dtype
    target = torch.empty(source.shape or (1,), dtype=numbers, device=device)
    row = 0
    for piece in read_pieces(source, buffer):
        target[row : row + len(piece)].copy_(piece)
        row += len(piece)
    return target.view(source.shape)


def load_part(
    network: nn.Module, found: Mapping[str, StoredTensor], place: DeviceChooser, dtype: torch.dtype
) -> int:
    """Give every parameter and buffer that `network` stores its tensor from where it was `found`;
    returns how many bytes were read.

    `network` may be built without memory (on the meta device). Raises MisfitError, before anything
    is read, unless names and shapes are exactly the network's; after an error it is as it was.
    """
    _match_state(network, {name: source.shape for name, source in found.items()})
    own = threading.local()

    def take_buffer() -> None:
        own.buffer = allocate_buffer()

    def read_one(name: str) -> Tensor:
        numbers = torch.float32 if name.endswith(SCALE_SUFFIX) else dtype
        return read_tensor(found[name], place(name), numbers, own.buffer)

    names = _interleave_files(found)
    with ThreadPoolExecutor(_READERS, initializer=take_buffer) as pool:
        # after an error those that have not begun are left
        tensors = dict(zip(names, pool.map(read_one, names), strict=True))
    load_strict(network, tensors)
    return sum(math.prod(s.shape) * TORCH_DTYPES[s.dtype].itemsize for s in found.values())


def _interleave_files(found: Mapping[str, StoredTensor]) -> list[str]:
    """The names so that neighbours are in different files, and each file is read in its order."""
    files: dict[Path, list[str]] = {}
    for name, source in found.items():
        files.setdefault(source.file, []).append(name)
    return [name for name in chain(*zip_longest(*files.values())) if name is not None]


def load_strict(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give every parameter and buffer that `network` stores its tensor from `tensors`.

    The tensors themselves become the parameters, whatever their dtype and device. Raises
    MisfitError, before anything is changed, unless names and shapes are exactly the network's;
    a name that two places of the network share is wanted once.
    """
    places = _match_state(network, {name: tensor.shape for name, tensor in tensors.items()})
    parameters = {name for name, _ in network.named_parameters()}
    # one object for each tensor, so that places that share it go on doing so
    stored = {
        name: nn.Parameter(tensor, requires_grad=False) if name in parameters else tensor
        for name, tensor in tensors.items()
    }
    network.load_state_dict({name: stored[place] for name, place in places.items()}, assign=True)


def _match_state(network: nn.Module, found: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """For each name in the network's state, the first one that shares its tensor; raises
    MisfitError unless the shapes `found` are theirs."""
    state = network.state_dict(keep_vars=True)
    first_of = {id(tensor): name for name, tensor in reversed(state.items())}
    places = {name: first_of[id(tensor)] for name, tensor in state.items()}
    require_match({name: state[name].shape for name in places.values()}, found)
    return places
