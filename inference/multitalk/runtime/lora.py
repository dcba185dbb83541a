"""LoRAs, applied to and removed from a model that stays in memory.

Several may be active at a time, each on top of those before it.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from inference.multitalk.models.linear import Linear, LoraDelta
from weights.lora import Change, parse_changes

logger = logging.getLogger(__name__)

_Undo = Callable[[], None]


def apply_lora(
    network: nn.Module, lora: Mapping[str, Tensor], strength: float, device: torch.device
) -> _Undo:
    """Apply `lora`, the tensors of its file, to `network`; return a function that removes it.

    LoRAs must be removed in reverse order. The products of linear layers run beside them on
    `device`, so their weights, which may be in 8 bits or offloaded, do not change; other parameters
    are replaced and restored. Raises MismatchError, with nothing changed, when it does not fit.
    """
    parameters = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    found = parse_changes({key: tuple(tensor.shape) for key, tensor in lora.items()}, parameters)
    for kind, count in found.ignored.items():
        logger.info("%d keys *%s are passed over, as the original does", count, kind)
    for name in found.skipped:
        logger.warning("the change of %s is passed over: it has another shape", name)
    steps = [
        _prepare_change(network, name, *_scale_tensors(change, lora, strength), device)
        for name, change in found.by_parameter.items()
    ]
    undos = [step() for step in steps]

    def remove() -> None:
        for undo in reversed(undos):
            undo()

    return remove


def _scale_tensors(
    change: Change, lora: Mapping[str, Tensor], strength: float
) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
    """Return the factors down (rank, ...) and up (out, rank), and the full matrix.

    The latter two are multiplied by `strength`.
    """
    full = None if change.full is None else strength * lora[change.full].float()
    if change.factors is None:
        return None, full
    down, up = (lora[key].float() for key in change.factors)
    return (down, strength * up.flatten(1)), full


def _prepare_change(
    network: nn.Module,
    name: str,
    factors: tuple[Tensor, Tensor] | None,
    full: Tensor | None,
    device: torch.device,
) -> Callable[[], _Undo]:
    """Return a function that changes the parameter and returns its undo."""
    path, _, leaf = name.rpartition(".")
    module = network.get_submodule(path)
    if isinstance(module, Linear) and leaf == "weight":
        # in the dtype of the bias, as the weight may be in 8 bits
        parts = (*(factors or (None, None)), full)
        delta = LoraDelta(*(t if t is None else t.to(device, module.bias.dtype) for t in parts))
        return partial(_set_attribute, module, "deltas", (*module.deltas, delta))
    parameter = network.get_parameter(name)
    whole = parameter.detach().to(device).float()
    if factors is not None:
        down, up = (factor.to(device) for factor in factors)
        whole = whole + (up @ down.flatten(1)).view(whole.shape)
    if full is not None:
        whole = whole + full.to(device)
    return partial(
        _set_attribute, module, leaf, nn.Parameter(whole.to(parameter.dtype), requires_grad=False)
    )


def _set_attribute(module: nn.Module, name: str, value: object) -> _Undo:
    before = getattr(module, name)
    setattr(module, name, value)
    return partial(setattr, module, name, before)
