"""A network is filled from its files, all or nothing, several of them at a time."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from inference.multitalk.models.linear import Linear
from inference.multitalk.models.registry import MODELS
from tests.support.tiny_networks import CPU, assert_same, random
from weights import loading
from weights.loading import allocate_buffer, load_part, load_strict, read_tensor
from weights.tensors import MismatchError, StoredTensor, find_tensors

SHARED = {"shared.weight", "encoder.embed_tokens.weight"}  # of a text encoder: one tensor


def network() -> nn.Module:
    return nn.Sequential(*(nn.Linear(2, 2) for _ in range(8)))


def tensors() -> dict[str, Tensor]:
    return {name: tensor.clone() + 1 for name, tensor in network().state_dict().items()}


def written(given: dict[str, Tensor], folder: Path) -> dict[str, StoredTensor]:
    save_file(given, folder / "1.safetensors")
    return find_tensors(folder)


def on_cpu(name: str) -> torch.device:
    return CPU


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_network_without_memory_is_filled_from_files(tmp_path: Path, dtype: torch.dtype) -> None:
    given = tensors()
    with torch.device("meta"):
        filled = network()
    load_part(filled, written(given, tmp_path), on_cpu, dtype)
    for name, tensor in filled.state_dict().items():
        assert_same(tensor, given[name].to(dtype))


def in_files(given: dict[str, Tensor], folder: Path) -> dict[str, StoredTensor]:
    """Those of each layer in a file of their own."""
    for layer in {name.partition(".")[0] for name in given}:
        own = {name: t for name, t in given.items() if name.startswith(f"{layer}.")}
        save_file(own, folder / f"{layer}.safetensors")
    return find_tensors(folder)


def test_several_files_are_read_at_a_time_with_a_few_buffers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, together, first = tensors(), threading.Barrier(8), list[Path]()
    buffers = list[Tensor]()

    def reading(source: StoredTensor, *how: Any) -> Tensor:
        if len(first) < 8:
            first.append(source.file)
            together.wait(30)  # for seven others
        return read_tensor(source, *how)

    def buffer() -> Tensor:
        buffers.append(allocate_buffer())
        return buffers[-1]

    monkeypatch.setattr(loading, "read_tensor", reading)
    monkeypatch.setattr(loading, "allocate_buffer", buffer)
    with torch.device("meta"):
        filled = network()
    count = load_part(filled, in_files(given, tmp_path), on_cpu, torch.float32)
    assert len(set(first)) == 8 == len(buffers)
    assert all(tensor.equal(given[name]) for name, tensor in filled.state_dict().items())
    assert count == sum(tensor.nbytes for tensor in given.values())


def test_after_an_error_in_one_file_nothing_of_any_is_loaded(tmp_path: Path) -> None:
    filled = network()
    before = {name: (p, p.clone()) for name, p in filled.named_parameters()}
    found = in_files(tensors(), tmp_path)
    file = tmp_path / "5.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(MismatchError, match="5.safetensors ends in the middle of 5"):
        load_part(filled, found, on_cpu, torch.float32)
    for name, parameter in filled.named_parameters():
        assert parameter is before[name][0] and parameter.equal(before[name][1])


def test_each_tensor_goes_where_its_name_belongs(tmp_path: Path) -> None:
    def place(name: str) -> torch.device:
        return torch.device("meta" if name.startswith("3.") else "cpu")

    filled = network()
    load_part(filled, written(tensors(), tmp_path), place, torch.float32)
    there = {name for name, tensor in filled.state_dict().items() if tensor.is_meta}
    assert there == {"3.weight", "3.bias"}


def test_scales_of_8_bit_weights_stay_float32(tmp_path: Path) -> None:
    layer, given = Linear(6, 5), {"0.bias": random(1, 5), "0.scale": random(2, 5)}
    given["0.weight"] = random(3, 5, 6).to(torch.float8_e4m3fn)
    layer.allocate_fp8()
    filled = nn.Sequential(layer)
    load_part(filled, written(given, tmp_path), on_cpu, torch.bfloat16)
    for name, tensor in filled.state_dict().items():
        wanted = given[name].bfloat16() if name == "0.bias" else given[name]
        assert_same(tensor, wanted)


def test_files_that_do_not_fit_are_refused_before_any_is_read(tmp_path: Path) -> None:
    filled, given = network(), tensors() | {"stranger": torch.zeros(1)}
    found, before = written(given, tmp_path), dict(filled.named_parameters())
    (tmp_path / "1.safetensors").unlink()
    with pytest.raises(MismatchError, match="1 unexpected: stranger"):
        load_part(filled, found, on_cpu, torch.float32)
    assert all(parameter is before[name] for name, parameter in filled.named_parameters())


def encoder_tensors() -> tuple[nn.Module, dict[str, Tensor]]:
    """A text encoder, and what its file holds: the tensor that two places share once."""
    encoder = MODELS["multitalk-tiny"].get_builders()["text"]()
    state = encoder.state_dict()
    assert set(state) > SHARED
    others = {name: tensor + 1 for name, tensor in state.items() if name not in SHARED}
    return encoder, others | {"shared.weight": state["shared.weight"] + 1}


def test_a_tensor_that_two_places_share_is_wanted_once_and_stays_one() -> None:
    encoder, given = encoder_tensors()
    load_strict(encoder, given)
    check_shared(encoder, given["shared.weight"])


def test_a_tensor_that_two_places_share_is_read_once_and_stays_one(tmp_path: Path) -> None:
    _, given = encoder_tensors()
    with torch.device("meta"):
        encoder = MODELS["multitalk-tiny"].get_builders()["text"]()
    load_part(encoder, written(given, tmp_path), on_cpu, torch.float32)
    check_shared(encoder, given["shared.weight"])


def check_shared(encoder: nn.Module, wanted: Tensor) -> None:
    first, second = (encoder.get_parameter(name) for name in sorted(SHARED))
    assert first is second and first.equal(wanted)
    encoder.bfloat16()  # as one parameter it stays one in whatever happens to it
    assert len({encoder.get_parameter(name).data_ptr() for name in SHARED}) == 1


def test_a_tensor_that_two_places_share_is_missing_once() -> None:
    encoder, given = encoder_tensors()
    del given["shared.weight"]
    with pytest.raises(MismatchError, match=r"^1 missing: shared\.weight$"):
        load_strict(encoder, given)
