"""LoRA files: small changes to a trained model, switched on and off while it stays in memory.

What such a file holds: two factors whose product is added to a layer's weight, scaled by alpha /
rank where it says alpha; and whole differences of parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from inference.models.linear import Branch, Linear

_PREFIX = "diffusion_model."
# How the two factors are called: `lora_down` first, as (rank, in) and (out, rank).
_FACTORS = (
    (".lora_down.weight", ".lora_up.weight"),
    (".lora_A.weight", ".lora_B.weight"),
)
_ALPHA = ".alpha"
_DIFFERENCES = {".diff": "weight", ".diff_b": "bias", ".diff_m": "modulation"}
_ENDINGS = (*(end for pair in _FACTORS for end in pair), _ALPHA, *_DIFFERENCES)


class LoraError(Exception):
    """A LoRA that does not fit the model; the message says what of it."""


@dataclass
class _Change:
    """What a file says of one module."""

    down: Tensor | None = None
    up: Tensor | None = None
    alpha: float | None = None
    added: dict[str, Tensor] = field(default_factory=dict)  # to weight, bias, modulation

    def factors(self, scale: float) -> tuple[Tensor, Tensor] | None:
        """Down (rank, ...) and up (out, rank), the latter scaled; None without."""
        if self.down is None and self.up is None and self.alpha is None:
            return None
        if self.down is None or self.up is None:
            raise LoraError("one of the two factors is missing")
        rank, up = self.down.shape[0], self.up.flatten(1).float()
        if up.shape[1] != rank:
            raise LoraError(f"factors of rank {rank} and {up.shape[1]} don't fit")
        return self.down.float(), up * (scale if self.alpha is None else scale * self.alpha / rank)


def switch_on(
    network: nn.Module, lora: Mapping[str, Tensor], scale: float, device: torch.device
) -> Callable[[], None]:
    """Make `network` work as `lora`, read from its file, changes it; returns what undoes that.

    Products run on `device` beside their layer, so its weight, which may be in 8 bits or elsewhere,
    is not touched; other parameters are replaced, and kept for going back. Raises LoraError, with
    nothing changed, when a key is not understood, a module is not the network's, a shape differs,
    or another LoRA is on.
    """
    undo: list[Callable[[], None]] = []
    changes = [
        _fitted(network, name, change, scale, device) for name, change in _read(lora).items()
    ]
    for module, branch, parameters in changes:
        if branch is not None:
            undo.append(_with_branch(module, branch))
        for leaf, parameter in parameters.items():
            undo.append(_with_parameter(module, leaf, parameter))

    def switch_off() -> None:
        for step in reversed(undo):
            step()

    return switch_off


_Fitted = tuple[nn.Module, Branch | None, dict[str, Tensor]]


def _fitted(
    network: nn.Module, name: str, change: _Change, scale: float, device: torch.device
) -> _Fitted:
    """The module, what runs beside it, and those of its parameters that become others."""
    try:
        module = network.get_submodule(name)
    except AttributeError:
        raise LoraError(f"the model has no {name}") from None
    if isinstance(module, Linear) and module.branch is not None:
        raise LoraError("another LoRA is on")
    try:
        factors = change.factors(scale)
        added = {leaf: scale * tensor.float() for leaf, tensor in change.added.items()}
        if isinstance(module, Linear):
            branch = _branch(module, factors, added.pop("weight", None), device)
            return module, branch, {k: _plus(module, k, v, device) for k, v in added.items()}
        if factors is not None:
            down, up = factors
            product = (up @ down.flatten(1)).view(len(up), *down.shape[1:])
            if added.get("weight", product).shape != product.shape:
                raise LoraError("two changes of weight differ in shape")
            added["weight"] = product + added.get("weight", 0)
        return module, None, {k: _plus(module, k, v, device) for k, v in added.items()}
    except LoraError as error:
        raise LoraError(f"{name}: {error}") from None


def _branch(
    layer: Linear,
    factors: tuple[Tensor, Tensor] | None,
    full: Tensor | None,
    device: torch.device,
) -> Branch | None:
    """In the numbers of the layer's bias: its weight may be in 8 bits."""
    if factors is None and full is None:
        return None
    wanted, (down, up) = tuple(layer.weight.shape), factors or (None, None)
    changes = [] if full is None else [tuple(full.shape)]
    if down is not None and up is not None:
        changes.append((len(up), *down.shape[1:]))
    for shape in changes:
        if shape != wanted:
            raise LoraError(f"the change of weight is {shape}, the model's is {wanted}")
    return Branch(
        *(None if t is None else t.to(device, layer.bias.dtype) for t in (down, up, full))
    )


def _plus(module: nn.Module, leaf: str, difference: Tensor, device: torch.device) -> Tensor:
    parameter = getattr(module, leaf, None)
    if not isinstance(parameter, Tensor):
        raise LoraError(f"the model has no {leaf} there")
    if parameter.shape != difference.shape:
        shapes = f"{tuple(difference.shape)}, the model's is {tuple(parameter.shape)}"
        raise LoraError(f"the change of {leaf} is {shapes}")
    whole = parameter.detach().to(device).float() + difference.to(device)
    return whole.to(parameter.dtype)


def _with_branch(layer: nn.Module, branch: Branch) -> Callable[[], None]:
    assert isinstance(layer, Linear)
    before, layer.branch = layer.branch, branch

    def undo() -> None:
        layer.branch = before

    return undo


def _with_parameter(module: nn.Module, leaf: str, tensor: Tensor) -> Callable[[], None]:
    before = getattr(module, leaf)
    setattr(module, leaf, nn.Parameter(tensor, requires_grad=False))

    def undo() -> None:
        setattr(module, leaf, before)

    return undo


def _read(lora: Mapping[str, Tensor]) -> dict[str, _Change]:
    """What the file says, by module."""
    changes: dict[str, _Change] = {}
    for key, tensor in lora.items():
        name = key.removeprefix(_PREFIX)
        ending = next((end for end in _ENDINGS if name.endswith(end)), None)
        if ending is None:
            raise LoraError(f"the key {key} is not understood")
        change = changes.setdefault(name.removesuffix(ending), _Change())
        if any(ending == down for down, _ in _FACTORS):
            change.down = tensor
        elif any(ending == up for _, up in _FACTORS):
            change.up = tensor
        elif ending == _ALPHA:
            if tensor.numel() != 1:
                raise LoraError(f"{key} is not one number")
            change.alpha = float(tensor)
        else:
            change.added[_DIFFERENCES[ending]] = tensor
    return changes
