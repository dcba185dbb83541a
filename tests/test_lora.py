"""LoRA files change what they name as trained, and nothing else; what does not fit is refused."""

import pytest
import torch
from torch import Tensor

from inference.multitalk.lora import LoraError, changed_parameters
from tests.small import random

DOWN, UP = random(1, 4, 6), random(2, 5, 4)  # rank 4, from 6 to 5
NAMINGS = [("lora_down", "lora_up"), ("lora_A", "lora_B")]
PREFIXES = ["", "diffusion_model."]


def model() -> dict[str, Tensor]:
    return {
        "blocks.0.q.weight": random(3, 5, 6),
        "blocks.0.q.bias": random(4, 5),
        "blocks.0.k.weight": random(5, 5, 6),
        "patch.weight": random(6, 5, 3, 1, 2, 2),
    }


def lora(module: str = "blocks.0.q", naming: tuple[str, str] = NAMINGS[0]) -> dict[str, Tensor]:
    return {f"{module}.{name}.weight": t for name, t in zip(naming, (DOWN, UP), strict=True)}


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_either_naming_is_understood(prefix: str, naming: tuple[str, str]) -> None:
    changed = changed_parameters(model(), lora(f"{prefix}blocks.0.q", naming), scale=1.2)
    assert set(changed) == {"blocks.0.q.weight"}
    wanted = model()["blocks.0.q.weight"] + 1.2 * (UP @ DOWN)
    torch.testing.assert_close(changed["blocks.0.q.weight"], wanted)


def test_alpha_counts_by_the_rank() -> None:
    named = lora() | {"blocks.0.q.alpha": torch.tensor(2.0)}
    changed = changed_parameters(model(), named, scale=1.0)["blocks.0.q.weight"]
    torch.testing.assert_close(changed, model()["blocks.0.q.weight"] + 2 / 4 * (UP @ DOWN))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_plain_differences_are_added_to_weight_and_bias(prefix: str) -> None:
    weight, bias = random(7, 5, 6), random(8, 5)
    named = {f"{prefix}blocks.0.q.diff": weight, f"{prefix}blocks.0.q.diff_b": bias}
    changed = changed_parameters(model(), named, scale=0.5)
    assert set(changed) == {"blocks.0.q.weight", "blocks.0.q.bias"}
    torch.testing.assert_close(
        changed["blocks.0.q.weight"], model()["blocks.0.q.weight"] + weight / 2
    )
    torch.testing.assert_close(changed["blocks.0.q.bias"], model()["blocks.0.q.bias"] + bias / 2)


def test_factors_and_a_difference_of_the_same_module_add_up() -> None:
    named = lora() | {"blocks.0.q.diff": random(7, 5, 6), "blocks.0.q.diff_b": random(8, 5)}
    changed = changed_parameters(model(), named, scale=1.0)
    wanted = model()["blocks.0.q.weight"] + UP @ DOWN + random(7, 5, 6)
    torch.testing.assert_close(changed["blocks.0.q.weight"], wanted)
    assert set(changed) == {"blocks.0.q.weight", "blocks.0.q.bias"}


def test_factors_of_a_convolution_have_its_shape() -> None:
    down, up = random(1, 4, 3, 1, 2, 2), random(2, 5, 4, 1, 1, 1)
    named = {"patch.lora_down.weight": down, "patch.lora_up.weight": up}
    changed = changed_parameters(model(), named, scale=1.0)["patch.weight"]
    wanted = torch.einsum("or,rithw->oithw", up.flatten(1), down)
    torch.testing.assert_close(changed, model()["patch.weight"] + wanted)


def test_a_second_lora_changes_what_the_first_left() -> None:
    parameters = model()
    for scale in (1.0, 0.5):
        parameters |= changed_parameters(parameters, lora(), scale)
    torch.testing.assert_close(
        parameters["blocks.0.q.weight"], model()["blocks.0.q.weight"] + 1.5 * (UP @ DOWN)
    )


def test_what_was_there_is_not_changed_itself() -> None:
    parameters = model()
    changed = changed_parameters(parameters, lora(), scale=1.0)
    assert not changed["blocks.0.q.weight"].equal(parameters["blocks.0.q.weight"])
    for name, tensor in model().items():
        assert parameters[name].equal(tensor)


def test_a_changed_parameter_keeps_its_kind_of_number() -> None:
    parameters = {name: tensor.bfloat16() for name, tensor in model().items()}
    halves = {name: tensor.half() for name, tensor in lora().items()}
    changed = changed_parameters(parameters, halves, scale=1.0)["blocks.0.q.weight"]
    assert changed.dtype is torch.bfloat16
    product = UP.half().float() @ DOWN.half().float()
    wanted = (parameters["blocks.0.q.weight"].float() + product).bfloat16()
    assert changed.equal(wanted)  # summed in float32, rounded once


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"blocks.0.q.lora_mid.weight": DOWN}, "lora_mid.weight is not understood"),
        ({"blocks.0.q.weight": UP}, "blocks.0.q.weight is not understood"),
        (lora("blocks.7.q"), "no blocks.7.q.weight"),
        ({"blocks.0.k.diff_b": random(8, 5)}, "no blocks.0.k.bias"),
        ({"blocks.0.q.diff": random(7, 6, 5)}, r"\(6, 5\), the model's is \(5, 6\)"),
        ({"blocks.0.q.diff_b": random(7, 1)}, r"\(1,\), the model's is \(5,\)"),
        (lora() | {"blocks.0.q.lora_up.weight": random(2, 7, 4)}, r"\(7, 6\)"),
        ({"blocks.0.q.lora_down.weight": DOWN}, "blocks.0.q one is missing"),
        ({"blocks.0.q.lora_up.weight": UP}, "blocks.0.q one is missing"),
        ({"blocks.0.q.lora_up.weight": UP, "blocks.0.q.diff": random(7, 5, 6)}, "one is missing"),
        ({"blocks.0.q.alpha": torch.tensor(2.0)}, "one is missing"),
        (lora() | {"blocks.0.q.lora_up.weight": random(2, 5, 3)}, "rank 4 and 3 don't fit"),
        (lora() | {"blocks.0.q.alpha": torch.ones(2)}, "alpha is not one number"),
        (lora() | {"blocks.0.q.diff": random(7, 1, 6)}, "differ in shape"),
    ],
)
def test_what_does_not_fit_is_said(named: dict[str, Tensor], says: str) -> None:
    with pytest.raises(LoraError, match=says):
        changed_parameters(model(), named, scale=1.0)


def test_an_empty_file_changes_nothing() -> None:
    assert changed_parameters(model(), {}, scale=1.0) == {}
