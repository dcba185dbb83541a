"""Tensors reach a network all or none."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from inference.models.registry import MODELS
from weights.loading import MisfitError, load_strict, read_folder

CPU = torch.device("cpu")


def network() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(
            *(nn.Linear(2, 3) if i % 2 == 0 else nn.Linear(3, 2) for i in range(8))
        )


def tensors() -> dict[str, Tensor]:
    return {name: torch.rand(tensor.shape) for name, tensor in network().state_dict().items()}


def test_the_tensors_become_the_parameters() -> None:
    given, filled = tensors(), network()
    given["0.weight"] = given["0.weight"].bfloat16()
    load_strict(filled, given)
    assert all(torch.equal(tensor, given[name]) for name, tensor in filled.state_dict().items())
    assert filled.get_parameter("0.weight").data_ptr() == given["0.weight"].data_ptr()


def test_one_report_names_the_first_five_of_each_and_nothing_is_changed() -> None:
    given, empty = tensors(), network()
    for name in list(given)[:7]:
        del given[name]
    given["7.bias"], given["stranger"] = torch.rand(5), torch.rand(1)
    with pytest.raises(MisfitError) as caught:
        load_strict(empty, given)
    message = str(caught.value)
    assert "7 missing: 0.weight, 0.bias, 1.weight, 1.bias, 2.weight and 2 more" in message
    assert "1 unexpected: stranger" in message
    assert "1 misshapen: 7.bias (5,) for (2,)" in message
    assert all(parameter.is_meta for parameter in empty.parameters())


def test_a_tensor_that_two_places_share_is_wanted_once() -> None:
    encoder = MODELS["multitalk-tiny"].parts()["text"]()
    state = encoder.state_dict()
    shared = {"shared.weight", "encoder.embed_tokens.weight"}
    assert shared <= set(state)
    given = {name: tensor + 1 for name, tensor in state.items() if name != max(shared)}
    given = {n: t for n, t in given.items() if n not in shared} | {
        "shared.weight": state["shared.weight"] + 1
    }
    load_strict(encoder, given)
    assert all(torch.equal(encoder.state_dict()[name], given["shared.weight"]) for name in shared)


def test_all_files_of_a_folder_are_read_in_the_wanted_numbers(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "1.safetensors")
    save_file({"b": torch.ones(3)}, tmp_path / "2.safetensors")
    read = read_folder(tmp_path, CPU, torch.bfloat16)
    assert {name: (len(t), t.dtype) for name, t in read.items()} == {
        "a": (2, torch.bfloat16),
        "b": (3, torch.bfloat16),
    }
    assert set(read_folder(tmp_path / "1.safetensors", CPU, torch.float32)) == {"a"}


def test_a_folder_without_tensors_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_folder(tmp_path, CPU, torch.float32)
