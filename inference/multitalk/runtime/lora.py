"""LoRAs: small changes to a trained model, switched on and off while it stays in memory.

Several may be on at a time: what each adds is on top of what those before it made.
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
    """Make `network` work as `lora`, read from its file, changes it; returns what undoes that.

    Those that are on go off in the opposite order. A layer's products run on `device` beside it, so
    its weight, which may be in 8 bits or elsewhere, is not touched; other parameters are replaced,
    and kept for going back. Raises MisfitError, with nothing changed, when the file does not fit.
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
    undo = [step() for step in steps]

    def switch_off() -> None:
        for back in reversed(undo):
            back()

    return switch_off


def _scale_tensors(
    change: Change, lora: Mapping[str, Tensor], strength: float
) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
    """Down (rank, ...) and up (out, rank), and the difference, the latter two scaled."""
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
    """What changes the parameter, and returns what undoes that."""
    path, _, leaf = name.rpartition(".")
    module = network.get_submodule(path)
    if isinstance(module, Linear) and leaf == "weight":
        # in the numbers of the layer's bias: its weight may be in 8 bits
        parts = (*(factors or (None, None)), full)
        branch = LoraDelta(*(t if t is None else t.to(device, module.bias.dtype) for t in parts))
        return partial(_set_attribute, module, "deltas", (*module.deltas, branch))
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
