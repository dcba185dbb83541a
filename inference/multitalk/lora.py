"""LoRA files: small changes to a trained model's parameters, as they are found in the wild."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

_PREFIX = "diffusion_model."
# How the two factors are called: `lora_down` first, as (rank, in) and (out, rank).
_FACTORS = (
    (".lora_down.weight", ".lora_up.weight"),
    (".lora_A.weight", ".lora_B.weight"),
)
_ALPHA, _DIFFERENCE, _BIAS_DIFFERENCE = ".alpha", ".diff", ".diff_b"
_ENDINGS = (*(end for pair in _FACTORS for end in pair), _ALPHA, _DIFFERENCE, _BIAS_DIFFERENCE)


class LoraError(Exception):
    """A LoRA that does not fit the model; the message says what of it."""


@dataclass
class _Change:
    """What a file says of one module."""

    down: Tensor | None = None
    up: Tensor | None = None
    alpha: float | None = None
    added: dict[str, Tensor] = field(default_factory=dict)  # to weight, bias

    def of_weight(self) -> Tensor | None:
        """up @ down, scaled by alpha / rank, shaped (out, ...) as the factors are."""
        if self.down is None or self.up is None:
            return None
        rank = self.down.shape[0]
        if self.up.flatten(1).shape[1] != rank:
            raise LoraError(f"factors of rank {rank} and {self.up.flatten(1).shape[1]} don't fit")
        scale = 1.0 if self.alpha is None else self.alpha / rank
        product = self.up.flatten(1).float() @ self.down.flatten(1).float()
        return scale * product.view(len(self.up), *self.down.shape[1:])


def changed_parameters(
    parameters: Mapping[str, Tensor], lora: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    """The parameters that `lora`, read from its file, changes, each a new tensor of its old dtype.

    Raises LoraError when a key is not understood, a module is not the model's or a shape differs.
    """
    out: dict[str, Tensor] = {}
    for module, change in _read(lora).items():
        differences = {f"{module}.{leaf}": tensor for leaf, tensor in change.added.items()}
        product = change.of_weight()
        if product is not None:
            name = f"{module}.weight"
            added = differences.get(name, torch.zeros_like(product))
            if added.shape != product.shape:
                raise LoraError(f"two changes of {name} differ in shape")
            differences[name] = product + added
        elif change.down is not None or change.up is not None or not differences:
            raise LoraError(f"of the two factors for {module} one is missing")
        for name, difference in differences.items():
            out[name] = _plus(parameters, name, scale * difference)
    return out


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
            change.added["weight" if ending == _DIFFERENCE else "bias"] = tensor.float()
    return changes


def _plus(parameters: Mapping[str, Tensor], name: str, difference: Tensor) -> Tensor:
    if name not in parameters:
        raise LoraError(f"the model has no {name}")
    parameter = parameters[name]
    if parameter.shape != difference.shape:
        shapes = f"{tuple(difference.shape)}, the model's is {tuple(parameter.shape)}"
        raise LoraError(f"the change of {name} is {shapes}")
    return (parameter.float() + difference.to(parameter.device)).to(parameter.dtype)
