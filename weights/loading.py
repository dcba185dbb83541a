"""Tensors from their files onto a network, all or none: one report says what does not fit."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

_SHOWN = 5  # names of each kind of fault


class MisfitError(Exception):
    """A file is damaged, or tensors are missing, unexpected or misshapen; the message says so."""


def read_folder(path: Path, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of the safetensors files in a folder, or of the one file `path`.

    Each goes to `device` and `dtype` before the next is read. Raises OSError when there is none,
    MisfitError when one is damaged.
    """
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"no .safetensors file in {path}")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt", device=str(device)) as opened:
                tensors |= {name: opened.get_tensor(name).to(dtype) for name in opened.keys()}
        except SafetensorError as error:
            raise MisfitError(f"{file.name} is damaged: {error}") from error
    return tensors


def load_strict(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give every parameter and buffer that `network` stores its tensor from `tensors`.

    The tensors themselves become the parameters, whatever their dtype and device. Raises
    MisfitError, before anything is changed, unless names and shapes are exactly the network's;
    a name that two places of the network share is wanted once.
    """
    wanted = network.state_dict(keep_vars=True)
    first_of = {id(tensor): name for name, tensor in reversed(wanted.items())}
    places = {name: first_of[id(tensor)] for name, tensor in wanted.items()}
    faults = {
        "missing": [n for n in places.values() if n not in tensors],
        "unexpected": [n for n in tensors if n not in places],
        "misshapen": [
            f"{name} {tuple(tensors[name].shape)} for {tuple(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in tensors and tensors[name].shape != tensor.shape
        ],
    }
    if any(faults.values()):
        raise MisfitError("; ".join(_told(kind, names) for kind, names in faults.items() if names))
    network.load_state_dict({name: tensors[place] for name, place in places.items()}, assign=True)


def _told(kind: str, names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
    return f"{len(unique)} {kind}: {', '.join(unique[:_SHOWN])}{more}"
