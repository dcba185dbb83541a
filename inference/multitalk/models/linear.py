"""Linear layers with optional 8-bit weights and LoRAs that are added at run time."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from weights.shards import dequantise


@dataclass(frozen=True)
class LoraDelta:
    """Change of a linear layer by a LoRA: a product of `up` (n, rank) and `down` (rank, c), a full
    matrix (n, c), or both."""

    down: Tensor | None = None
    up: Tensor | None = None
    full: Tensor | None = None

    def apply(self, x: Tensor) -> Tensor:
        """Return the change of the output for the input x (..., c)."""
        out = x.new_zeros(())
        if self.down is not None and self.up is not None:
            out = out + linear(linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))
        if self.full is not None:
            out = out + linear(x, self.full.to(x.dtype))
        return out


class Linear(nn.Linear):
    """Linear layer with a `scale` (n,) for a `weight` in 8 bits, and `deltas` of active LoRAs."""

    scale: nn.Parameter | None

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_parameter("scale", None)
        self.deltas: tuple[LoraDelta, ...] = ()

    def allocate_fp8(self) -> None:
        """Replace the weight by an uninitialised 8-bit one with a scale, to be loaded later."""
        weight = self.weight.to(torch.float8_e4m3fn)
        self.weight = nn.Parameter(weight, requires_grad=False)
        scale = torch.empty(self.out_features, device=weight.device)
        self.scale = nn.Parameter(scale, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., c) to (..., n), in the dtype of x, which may be wider than the weight's."""
        if self.scale is None:
            weight = self.weight.to(x.dtype)
        else:
            weight = dequantise(self.weight, self.scale, x.dtype)
        y = linear(x, weight, self.bias.to(x.dtype))
        for delta in self.deltas:
            y = y + delta.apply(x)
        return y
