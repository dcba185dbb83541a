"""Tensors reach a network all or none, piece by piece, from files that fit it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.support.tiny_networks import CPU, assert_same, random
from weights import loading
from weights.loading import allocate_buffer, load_strict, read_file, read_pieces, read_tensor
from weights.tensors import MismatchError, find_tensors


def network() -> nn.Module:
    return nn.Sequential(*(nn.Linear(2, 2) for _ in range(8)))


def tensors() -> dict[str, Tensor]:
    return {name: tensor.clone() + 1 for name, tensor in network().state_dict().items()}


def check_refused(filled: nn.Module, given: dict[str, Tensor]) -> str:
    """`filled` stays as it is; returns the message."""
    before = {name: (t, t.clone()) for name, t in filled.state_dict(keep_vars=True).items()}
    with pytest.raises(MismatchError) as caught:
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tensors of every kind of number in two files, with something else beside them."""
    save_file({"a": random(1, 7, 3), "b": random(2, 3, 1).bfloat16()}, tmp_path / "1.safetensors")
    others = {
        "c": random(3, 9, 2, 2).half(),
        "d": random(4, 6, 5).to(torch.float8_e4m3fn),
        "e": torch.tensor(3.5),
        "f": torch.empty(0, 4),
    }
    save_file(others, tmp_path / "2.safetensors")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def stored(folder: Path) -> dict[str, Tensor]:
    """The same tensors as the library reads them."""
    return load_file(folder / "1.safetensors") | load_file(folder / "2.safetensors")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("piece_numbers", [1, 2, 5, 12, 1 << 20])
def test_a_tensor_read_in_pieces_is_the_whole_in_the_wanted_numbers(
    folder: Path, dtype: torch.dtype, piece_numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PIECE_ELEMENTS", piece_numbers)
    buffer, found, whole = allocate_buffer(), find_tensors(folder), stored(folder)
    assert found.keys() == whole.keys()
    for name, source in found.items():
        wanted = whole[name] if name == "d" else whole[name].to(dtype)  # 8 bits stay 8 bits
        assert_same(read_tensor(source, CPU, dtype, buffer), wanted)


def test_pieces_come_in_order_as_they_are_in_the_file(folder: Path) -> None:
    source, whole, rows = find_tensors(folder)["c"], stored(folder)["c"], list[Tensor]()
    for piece in read_pieces(source, torch.empty(3 * 4 * 2, dtype=torch.uint8)):
        assert len(piece) <= 3 and piece.dtype is torch.float16
        rows.append(piece.clone())
    assert len(rows) == 3 and torch.cat(rows).equal(whole)


def test_numbers_of_no_known_kind_are_an_error(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3)}, tmp_path / "1.safetensors")
    with pytest.raises(MismatchError, match="a in 1.safetensors is of I64 numbers"):
        read_tensor(find_tensors(tmp_path)["a"], CPU, torch.float32, allocate_buffer())


def test_a_file_that_is_cut_short_while_it_is_read_is_an_error(folder: Path) -> None:
    source, file = find_tensors(folder)["a"], folder / "1.safetensors"
    file.write_bytes(file.read_bytes()[: source.start + 8])
    with pytest.raises(MismatchError, match="1.safetensors ends in the middle of a"):
        read_tensor(source, CPU, torch.float32, allocate_buffer())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_file_is_read_alone(folder: Path, dtype: torch.dtype) -> None:
    tensors = read_file(folder / "1.safetensors", CPU, dtype)
    whole = stored(folder)
    assert set(tensors) == {"a", "b"}
    for name, tensor in tensors.items():
        assert_same(tensor, whole[name].to(dtype))


def test_a_file_may_go_once_it_is_read(folder: Path) -> None:
    """Nothing points into the file any more, even where no number had to be changed."""
    wanted = stored(folder)["a"].clone()
    tensors = read_file(folder / "1.safetensors", CPU, torch.float32)
    with (folder / "1.safetensors").open("r+b") as file:
        file.write(bytes((folder / "1.safetensors").stat().st_size))
    assert tensors["a"].equal(wanted)


def test_a_file_is_read_straight_to_its_device(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def opened(file: Path, framework: str, device: str) -> Any:
        asked.append(device)
        return safe_open(file, framework=framework, device="cpu")  # no GPU need be there

    monkeypatch.setattr(loading, "safe_open", opened)
    read_file(folder / "1.safetensors", torch.device("cuda:1"), torch.float32)
    assert asked == ["cuda:1"]


@pytest.mark.parametrize("left_bytes", [0, 5, -3])
def test_a_damaged_file_is_named(folder: Path, left_bytes: int) -> None:
    file = folder / "2.safetensors"
    file.write_bytes(file.read_bytes()[:left_bytes])
    with pytest.raises(MismatchError, match="2.safetensors is damaged"):
        read_file(file, CPU, torch.float32)


def test_a_folder_without_tensors_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"no .safetensors file in {tmp_path}"):
        find_tensors(tmp_path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        read_file(tmp_path / "absent.safetensors", CPU, torch.float32)
