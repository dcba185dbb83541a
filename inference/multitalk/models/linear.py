"""Linear layers that may be kept in 8 bits, and to which LoRAs may add while they run."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from weights.shards import dequantise


@dataclass(frozen=True)
class LoraDelta:
    """What is added to a layer's output: `up` (n, rank) of `down` (rank, c) of its input, and
    `full` (n, c) of it where a change is no product of two."""

    down: Tensor | None = None
    up: Tensor | None = None
    full: Tensor | None = None

    def apply(self, x: Tensor) -> Tensor:
        out = x.new_zeros(())
        if self.down is not None and self.up is not None:
            out = out + linear(linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))
        if self.full is not None:
            out = out + linear(x, self.full.to(x.dtype))
        return out


class Linear(nn.Linear):
    """As torch's. `scale` (n,) is there when `weight` is in 8 bits; `branches` are those of
    the LoRAs that are on."""

    scale: nn.Parameter | None

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_parameter("scale", None)
        self.deltas: tuple[LoraDelta, ...] = ()

    def allocate_fp8(self) -> None:
        """Make room for an 8-bit weight and its scale, without numbers yet."""
        weight = self.weight.to(torch.float8_e4m3fn)
        self.weight = nn.Parameter(weight, requires_grad=False)
        scale = torch.empty(self.out_features, device=weight.device)
        self.scale = nn.Parameter(scale, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., c) to (..., n), in the dtype of x, which may be wider than the weight's."""
        if self.scale is None:
            weight = self.weight.to(x.dtype)
        else:
            weight = dequantise(self.weight, self.scale, x.dtype)
        y = linear(x, weight, self.bias.to(x.dtype))
        for branch in self.deltas:
            y = y + branch.apply(x)
        return y
