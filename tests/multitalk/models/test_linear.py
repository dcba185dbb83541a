"""Linear layers: as torch's, in 8 bits, with something beside them, in wider numbers."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from inference.multitalk.models.linear import Linear, LoraDelta
from tests.support.tiny_networks import random
from weights.shards import quantise

INPUTS, OUTPUTS, RANK = 12, 20, 3
X = random(1, 2, 5, INPUTS)
DOWN, UP, FULL = random(2, RANK, INPUTS), random(3, OUTPUTS, RANK), random(4, OUTPUTS, INPUTS)


def layer(dtype: torch.dtype = torch.float32) -> Linear:
    made = Linear(INPUTS, OUTPUTS).requires_grad_(False)
    made.weight.copy_(random(5, OUTPUTS, INPUTS))
    made.bias.copy_(random(6, OUTPUTS))
    return made.to(dtype)


def in_8_bits(dtype: torch.dtype = torch.float32) -> Linear:
    """The same layer as it is in a set of 8-bit weights, with the rest in `dtype`."""
    made, (weight, scale) = layer(dtype), quantise(layer().weight)
    made.allocate_fp8()
    assert made.scale is not None
    made.weight.copy_(weight)
    made.scale.copy_(scale)
    return made


def worth(kept: Linear) -> Tensor:
    """What an 8-bit weight stands for, in float64."""
    assert kept.scale is not None
    return kept.weight.double() * kept.scale.double().unsqueeze(1)


def test_by_itself_it_is_torchs() -> None:
    ours, torchs = layer(), nn.Linear(INPUTS, OUTPUTS)
    torchs.load_state_dict(ours.state_dict())
    assert set(ours.state_dict()) == {"weight", "bias"}
    assert ours(X).equal(torchs(X))


@pytest.mark.parametrize("weights", [torch.bfloat16, torch.float16])
def test_wider_numbers_are_multiplied_in_their_own_width(weights: torch.dtype) -> None:
    narrow = layer(weights)
    out = narrow(X)
    assert out.dtype is torch.float32
    assert out.equal(linear(X, narrow.weight.float(), narrow.bias.float()))
    assert narrow.weight.dtype is weights  # only for the product
    assert narrow(X.to(weights)).dtype is weights


@pytest.mark.parametrize("x_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_8_bit_weight_is_multiplied_as_what_it_stands_for(
    dtype: torch.dtype, x_dtype: torch.dtype
) -> None:
    kept, x = in_8_bits(dtype), X.to(x_dtype)
    assert kept.weight.dtype is torch.float8_e4m3fn
    out = kept(x)
    assert out.dtype is x_dtype
    # what it stands for is exact in either
    assert out.equal(linear(x, worth(kept).to(x_dtype), kept.bias.to(x_dtype)))


def test_an_8_bit_weight_is_near_the_one_it_was_made_of() -> None:
    near, exact = in_8_bits()(X), layer()(X)
    assert 0 < (near - exact).norm() < 0.05 * exact.norm()


def test_an_8_bit_layer_without_memory_makes_room_for_its_scale() -> None:
    with torch.device("meta"):
        empty = Linear(INPUTS, OUTPUTS)
        empty.allocate_fp8()
    found = {n: (tuple(t.shape), t.dtype, t.is_meta) for n, t in empty.state_dict().items()}
    assert found == {
        "weight": ((OUTPUTS, INPUTS), torch.float8_e4m3fn, True),
        "bias": ((OUTPUTS,), torch.float32, True),
        "scale": ((OUTPUTS,), torch.float32, True),
    }
    assert not any(p.requires_grad for name, p in empty.named_parameters() if name != "bias")


@pytest.mark.parametrize(
    ("branch", "change"),
    [
        (LoraDelta(DOWN, UP), UP @ DOWN),
        (LoraDelta(full=FULL), FULL),
        (LoraDelta(DOWN, UP, FULL), UP @ DOWN + FULL),
    ],
)
@pytest.mark.parametrize("kept", [layer(), in_8_bits()])
def test_what_runs_beside_it_works_as_a_changed_weight(
    kept: Linear, branch: LoraDelta, change: Tensor
) -> None:
    before = kept(X)
    kept.deltas = (branch,)
    torch.testing.assert_close(kept(X), before + linear(X, change))
    kept.deltas = (branch, branch)
    torch.testing.assert_close(kept(X), before + 2 * linear(X, change))
    kept.deltas = ()
    assert kept(X).equal(before)


def test_what_runs_beside_it_is_no_parameter() -> None:
    changed = layer()
    changed.deltas = (LoraDelta(DOWN, UP),)
    assert set(changed.state_dict()) == {"weight", "bias"}
    assert not {id(tensor) for tensor in changed.parameters()} & {id(DOWN), id(UP)}


def test_what_runs_beside_it_is_as_wide_as_the_input() -> None:
    narrow = layer(torch.bfloat16)
    narrow.deltas = (LoraDelta(DOWN.bfloat16(), UP.bfloat16(), FULL.bfloat16()),)
    wide = narrow(X)
    change = UP.bfloat16().float() @ DOWN.bfloat16().float() + FULL.bfloat16().float()
    wanted = linear(X, narrow.weight.float() + change, narrow.bias.float())
    assert wide.dtype is torch.float32
    torch.testing.assert_close(wide, wanted, rtol=1e-5, atol=1e-5)
    assert narrow(X.bfloat16()).dtype is torch.bfloat16
