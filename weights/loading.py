"""Tensors from their files onto a network, all or none, one at a time.

No more of a file is in memory than the piece that is being read, so loading takes the memory of
what is loaded.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from weights.tensors import FLOAT8, SCALE, MisfitError, Source, require_fit

PIECE_NUMBERS = 1 << 26  # of a tensor that are read at a time: 256 MB in float32

Place = Callable[[str], torch.device]  # of a tensor, by its name


def read_file(file: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of one small file. Raises OSError or MisfitError when it can't be read."""
    try:
        with safe_open(file, framework="pt", device=str(device)) as opened:
            return {name: opened.get_tensor(name).to(dtype, copy=True) for name in opened.keys()}
    except SafetensorError as error:
        raise MisfitError(f"{file.name} is damaged: {error}") from error


def pieces(source: Source) -> Iterator[Tensor]:
    """A tensor's rows, some at a time, from the first to the last, as they are in the file."""
    if not source.shape:
        with _opened(source) as opened:
            yield opened.get_tensor(source.name)
        return
    rows = max(1, PIECE_NUMBERS // max(1, _numbers(source) // max(1, source.shape[0])))
    for start in range(0, source.shape[0], rows):
        with _opened(source) as opened:  # anew each time: what was read leaves the memory
            yield opened.get_slice(source.name)[start : start + rows]


def read(source: Source, device: torch.device, dtype: torch.dtype) -> Tensor:
    """One tensor, copied to `device` piece by piece; one of 8 bits stays so."""
    numbers = torch.float8_e4m3fn if source.dtype == FLOAT8 else dtype
    target = torch.empty(source.shape, dtype=numbers, device=device)
    row = 0
    for piece in pieces(source):
        if not source.shape:
            return target.copy_(piece)
        target[row : row + len(piece)].copy_(piece)
        row += len(piece)
    return target


def load_part(
    network: nn.Module, found: Mapping[str, Source], place: Place, dtype: torch.dtype
) -> None:
    """Give every parameter and buffer that `network` stores its tensor from where it was `found`.

    `network` may be built without memory (on the meta device). Raises MisfitError, before anything
    is read, unless names and shapes are exactly the network's.
    """
    wanted = _places(network)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    require_fit(
        {name: shapes[name] for name in wanted.values()},
        {name: source.shape for name, source in found.items()},
    )
    tensors = {
        name: read(source, place(name), torch.float32 if name.endswith(SCALE) else dtype)
        for name, source in found.items()
    }
    load_strict(network, tensors)


def load_strict(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give every parameter and buffer that `network` stores its tensor from `tensors`.

    The tensors themselves become the parameters, whatever their dtype and device. Raises
    MisfitError, before anything is changed, unless names and shapes are exactly the network's;
    a name that two places of the network share is wanted once.
    """
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    places = _places(network)
    require_fit(
        {name: shapes[name] for name in places.values()},
        {name: tensor.shape for name, tensor in tensors.items()},
    )
    stored = {name: _stored(network, name, tensors[name]) for name in set(places.values())}
    network.load_state_dict({name: stored[place] for name, place in places.items()}, assign=True)


def _stored(network: nn.Module, name: str, tensor: Tensor) -> Tensor:
    """What stands in the network for a tensor: one object, so that shared places stay shared."""
    if name in dict(network.named_parameters()):
        return nn.Parameter(tensor, requires_grad=False)
    return tensor


def _places(network: nn.Module) -> dict[str, str]:
    """For each name in the network's state, the first one that shares its tensor."""
    state = network.state_dict(keep_vars=True)
    first_of = {id(tensor): name for name, tensor in reversed(state.items())}
    return {name: first_of[id(tensor)] for name, tensor in state.items()}


def _numbers(source: Source) -> int:
    return torch.Size(source.shape).numel()


def _opened(source: Source) -> safe_open:
    try:
        return safe_open(source.file, framework="pt")
    except SafetensorError as error:
        raise MisfitError(f"{source.file.name} is damaged: {error}") from error
