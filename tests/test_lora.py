"""LoRA files change what they name, in every spelling that occurs, or are refused."""

import pytest
import torch
from torch import Tensor

from inference.multitalk.lora import LoraError, changed_parameters

PARAMETERS = {
    "blocks.0.q.weight": torch.ones(6, 4),
    "blocks.0.q.bias": torch.zeros(6),
    "norm.weight": torch.ones(4),
    "patch.weight": torch.ones(6, 2, 1, 2, 2),
}
DOWN, UP = torch.arange(8.0).view(2, 4), torch.arange(12.0).view(6, 2)


def changed(lora: dict[str, Tensor], scale: float = 1.0) -> dict[str, Tensor]:
    return changed_parameters(PARAMETERS, lora, scale)


@pytest.mark.parametrize("down", ["lora_down.weight", "lora_A.weight"])
@pytest.mark.parametrize("prefix", ["diffusion_model.", ""])
def test_factors_are_multiplied_whatever_they_are_called(down: str, prefix: str) -> None:
    up = down.replace("down", "up").replace("_A", "_B")
    name = f"{prefix}blocks.0.q."
    out = changed({name + down: DOWN, name + up: UP}, 0.5)
    assert set(out) == {"blocks.0.q.weight"}
    torch.testing.assert_close(out["blocks.0.q.weight"], 1 + 0.5 * UP @ DOWN)


def test_alpha_over_rank_scales_the_factors() -> None:
    name = "diffusion_model.blocks.0.q."
    factors = {f"{name}lora_down.weight": DOWN, f"{name}lora_up.weight": UP}
    out = changed(factors | {f"{name}alpha": torch.tensor(4.0)})
    torch.testing.assert_close(out["blocks.0.q.weight"], 1 + 2 * UP @ DOWN)


def test_whole_differences_are_added_to_weights_and_biases() -> None:
    out = changed({"norm.diff": torch.ones(4), "blocks.0.q.diff_b": torch.ones(6)}, 2.0)
    assert out["norm.weight"].tolist() == [3.0] * 4
    assert out["blocks.0.q.bias"].tolist() == [2.0] * 6


def test_factors_of_convolutions_keep_their_shape() -> None:
    down = torch.rand(3, 2, 1, 2, 2)
    up = torch.rand(6, 3, 1, 1, 1)
    out = changed({"patch.lora_down.weight": down, "patch.lora_up.weight": up})["patch.weight"]
    torch.testing.assert_close(out, 1 + (up.flatten(1) @ down.flatten(1)).view(6, 2, 1, 2, 2))


def test_the_numbers_stay_what_they_were() -> None:
    short = {name: tensor.bfloat16() for name, tensor in PARAMETERS.items()}
    out = changed_parameters(short, {"norm.diff": torch.ones(4)}, 1.0)
    assert out["norm.weight"].dtype is torch.bfloat16


@pytest.mark.parametrize(
    ("lora", "told"),
    [
        ({"blocks.0.q.lora_mid.weight": DOWN}, "lora_mid.weight is not understood"),
        ({"blocks.9.q.diff": torch.ones(4)}, "no blocks.9.q.weight"),
        ({"norm.diff": torch.ones(5)}, r"norm.weight is \(5,\), the model's is \(4,\)"),
        ({"blocks.0.q.lora_down.weight": DOWN}, "one is missing"),
        ({"blocks.0.q.alpha": torch.tensor(1.0)}, "one is missing"),
    ],
)
def test_what_does_not_fit_is_an_error(lora: dict[str, Tensor], told: str) -> None:
    with pytest.raises(LoraError, match=told):
        changed(lora)
