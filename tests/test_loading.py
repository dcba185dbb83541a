"""Tensors reach a network all or none."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from inference.models.registry import MODELS
from weights import loading
from weights.loading import MisfitError, load_strict, read_folder

CPU = torch.device("cpu")
SHARED = {"shared.weight", "encoder.embed_tokens.weight"}  # of a text encoder: one tensor


def network() -> nn.Module:
    return nn.Sequential(*(nn.Linear(2, 2) for _ in range(8)))


def tensors() -> dict[str, Tensor]:
    return {name: tensor.clone() + 1 for name, tensor in network().state_dict().items()}


def check_refused(filled: nn.Module, given: dict[str, Tensor]) -> str:
    """`filled` stays as it is; returns the message."""
    before = {name: (t, t.clone()) for name, t in filled.state_dict(keep_vars=True).items()}
    with pytest.raises(MisfitError) as caught:
        load_strict(filled, given)
    after = filled.state_dict(keep_vars=True)
    assert after.keys() == before.keys()
    for name, (parameter, values) in before.items():
        assert after[name] is parameter and torch.equal(parameter, values)
    return str(caught.value)


def test_the_tensors_themselves_become_the_parameters() -> None:
    given = tensors()
    given["0.weight"] = given["0.weight"].bfloat16()
    with torch.device("meta"):
        filled = network()
    load_strict(filled, given)
    for name, parameter in filled.named_parameters():
        assert parameter.dtype is given[name].dtype and torch.equal(parameter, given[name])
        assert parameter.data_ptr() == given[name].data_ptr()


def test_buffers_are_given_theirs_too() -> None:
    filled = nn.BatchNorm1d(3)
    given = {name: tensor + 2 for name, tensor in filled.state_dict().items()}
    load_strict(filled, given)
    assert filled.running_mean is not None and torch.equal(
        filled.running_mean, torch.full((3,), 2.0)
    )


@pytest.mark.parametrize("left_out", [1, 5, 7])
def test_what_is_missing_is_counted_and_the_first_five_named(left_out: int) -> None:
    given = tensors()
    gone = list(given)[:left_out]
    for name in gone:
        del given[name]
    more = f" and {left_out - 5} more" if left_out > 5 else ""
    message = check_refused(network(), given)
    assert message == f"{left_out} missing: {', '.join(gone[:5])}{more}"


def test_what_is_unexpected_is_counted_and_the_first_five_named() -> None:
    strangers = {f"stranger{i}": torch.zeros(1) for i in range(6)}
    names = ", ".join(list(strangers)[:5])
    message = check_refused(network(), tensors() | strangers)
    assert message == f"6 unexpected: {names} and 1 more"


def test_what_is_misshapen_is_counted_and_the_first_five_told_with_both_shapes() -> None:
    given = {name: tensor.flatten()[:1] for name, tensor in tensors().items()}
    first = "0.weight (1,) for (2, 2), 0.bias (1,) for (2,), 1.weight (1,) for (2, 2)"
    message = check_refused(network(), given)
    assert message.startswith(f"16 misshapen: {first}, ") and message.endswith(" and 11 more")
    assert message.count(" for ") == 5


def test_as_many_numbers_in_another_shape_do_not_fit() -> None:
    given = tensors()
    given["3.weight"] = given["3.weight"].view(4, 1)
    assert check_refused(network(), given) == "1 misshapen: 3.weight (4, 1) for (2, 2)"


def test_one_report_tells_all_kinds_of_fault() -> None:
    given = tensors() | {"stranger": torch.zeros(1), "7.bias": torch.zeros(5)}
    del given["2.weight"]
    assert check_refused(network(), given) == (
        "1 missing: 2.weight; 1 unexpected: stranger; 1 misshapen: 7.bias (5,) for (2,)"
    )


def encoder_tensors() -> tuple[nn.Module, dict[str, Tensor]]:
    """A text encoder, and what its file holds: the tensor that two places share once."""
    encoder = MODELS["multitalk-tiny"].parts()["text"]()
    state = encoder.state_dict()
    assert set(state) > SHARED
    others = {name: tensor + 1 for name, tensor in state.items() if name not in SHARED}
    return encoder, others | {"shared.weight": state["shared.weight"] + 1}


def test_a_tensor_that_two_places_share_is_wanted_once_and_stays_one() -> None:
    encoder, given = encoder_tensors()
    load_strict(encoder, given)
    parameters = encoder.state_dict()
    assert {parameters[name].data_ptr() for name in SHARED} == {given["shared.weight"].data_ptr()}


def test_a_tensor_that_two_places_share_is_missing_once() -> None:
    encoder, given = encoder_tensors()
    del given["shared.weight"]
    assert check_refused(encoder, given) == "1 missing: shared.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tensors in two files, with something else beside them."""
    save_file({"a": torch.ones(2), "b": torch.zeros(3, 1)}, tmp_path / "1.safetensors")
    save_file({"c": torch.full((4,), 0.5, dtype=torch.float16)}, tmp_path / "2.safetensors")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_files_of_a_folder_are_read_in_the_wanted_numbers(
    folder: Path, dtype: torch.dtype
) -> None:
    read = read_folder(folder, CPU, dtype)
    assert {name: (tuple(t.shape), t.dtype, t.device) for name, t in read.items()} == {
        "a": ((2,), dtype, CPU),
        "b": ((3, 1), dtype, CPU),
        "c": ((4,), dtype, CPU),
    }
    assert read["c"].tolist() == [0.5] * 4


def test_one_file_is_read_alone(folder: Path) -> None:
    assert set(read_folder(folder / "2.safetensors", CPU, torch.float32)) == {"c"}


def test_tensors_are_read_straight_to_their_device(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def opened(file: Path, framework: str, device: str) -> Any:
        asked.append(device)
        return safe_open(file, framework=framework, device="cpu")  # no GPU need be there

    monkeypatch.setattr(loading, "safe_open", opened)
    read_folder(folder, torch.device("cuda:1"), torch.float32)
    assert asked == ["cuda:1", "cuda:1"]


def test_a_folder_without_tensors_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"no .safetensors file in {tmp_path}"):
        read_folder(tmp_path, CPU, torch.float32)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        read_folder(tmp_path / "absent.safetensors", CPU, torch.float32)


@pytest.mark.parametrize("left_bytes", [0, 5, -3])
def test_a_damaged_file_is_named(folder: Path, left_bytes: int) -> None:
    file = folder / "2.safetensors"
    file.write_bytes(file.read_bytes()[:left_bytes])
    with pytest.raises(MisfitError, match="2.safetensors is damaged"):
        read_folder(folder, CPU, torch.float32)
