"""What is written piece by piece is a safetensors file like any other, or no file at all."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from tests.support.tiny_networks import random
from weights.shards import TORCH_DTYPES, TensorSpec, open_shard
from weights.tensors import read_header, read_metadata


def mixed() -> dict[str, Tensor]:
    """Every kind of number, in sizes that leave each next one unaligned if they are not sorted."""
    tensors = {f"odd.{word}": random(1, 3, 5).to(dtype) for word, dtype in TORCH_DTYPES.items()}
    tensors |= {f"one.{word}": random(2, 1).to(dtype) for word, dtype in TORCH_DTYPES.items()}
    tensors |= {f"scalar.{word}": random(3).to(dtype) for word, dtype in TORCH_DTYPES.items()}
    tensors |= {f"empty.{word}": torch.empty(0, 4, dtype=d) for word, d in TORCH_DTYPES.items()}
    return tensors | {'näme/with "quotes"': torch.ones(2)}


def entries(tensors: dict[str, Tensor]) -> list[TensorSpec]:
    return [TensorSpec(name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()]


def check_equal(file: Path, tensors: dict[str, Tensor]) -> None:
    read = load_file(file)
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype is tensor.dtype and read[name].shape == tensor.shape
        assert torch.equal(read[name].double(), tensor.double()), name


def test_safetensors_reads_what_was_written_whatever_its_numbers_and_shape(tmp_path: Path) -> None:
    tensors, file = mixed(), tmp_path / "new" / "model.safetensors"
    with open_shard(file, entries(tensors), {"source": "abc"}) as writer:
        for name, tensor in tensors.items():
            writer.write(name, tensor)
    check_equal(file, tensors)
    assert list(file.parent.iterdir()) == [file]
    assert read_metadata(file) == {"source": "abc"}
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata() == {"source": "abc"}


def test_every_tensor_begins_where_its_numbers_are_aligned(tmp_path: Path) -> None:
    tensors, file = mixed(), tmp_path / "model.safetensors"
    with open_shard(file, entries(tensors), {"padded": "by one, two or three"}) as writer:
        for name, tensor in tensors.items():
            writer.write(name, tensor)
    for source in read_header(file):
        assert source.start % TORCH_DTYPES[source.dtype].itemsize == 0
    length = int.from_bytes(file.read_bytes()[:8], "little")
    assert length % 8 == 0 and json.loads(file.read_bytes()[8 : 8 + length])


def test_pieces_of_several_tensors_may_take_turns(tmp_path: Path) -> None:
    tensors = {"a": random(1, 7, 3), "b": random(2, 5, 2).half(), "c": random(3, 4).bfloat16()}
    file = tmp_path / "model.safetensors"
    with open_shard(file, entries(tensors), {}) as writer:
        for row in range(7):
            for name, tensor in reversed(tensors.items()):
                writer.write(name, tensor[row : row + 1])
    check_equal(file, tensors)


def test_pieces_that_do_not_lie_together_in_memory_are_written_in_their_order(
    tmp_path: Path,
) -> None:
    wide, file = random(1, 6, 8), tmp_path / "model.safetensors"
    tensors = {"a": wide.T, "b": wide[:, 1:3]}
    with open_shard(file, entries(tensors), {}) as writer:
        for name, tensor in tensors.items():
            writer.write(name, tensor)
    check_equal(file, tensors)


@pytest.mark.parametrize("before", [None, b"what was there"])
@pytest.mark.parametrize("count", [0, 11, 13])
def test_too_many_or_too_few_numbers_leave_no_file(
    tmp_path: Path, count: int, before: bytes | None
) -> None:
    file = tmp_path / "model.safetensors"
    if before is not None:
        file.write_bytes(before)
    wrong = "more" if count > 12 else "fewer"
    with pytest.raises(ValueError, match=f"b has {wrong} numbers than its shape"):
        with open_shard(file, entries({"a": torch.ones(2), "b": random(1, 3, 4)}), {}) as writer:
            writer.write("a", torch.ones(2))
            writer.write("b", torch.zeros(count))
    check_only(file, before)


@pytest.mark.parametrize("before", [None, b"what was there"])
def test_an_error_on_the_way_leaves_no_file(tmp_path: Path, before: bytes | None) -> None:
    file = tmp_path / "model.safetensors"
    if before is not None:
        file.write_bytes(before)
    with pytest.raises(KeyboardInterrupt):
        with open_shard(file, entries({"a": torch.ones(2)}), {}) as writer:
            writer.write("a", torch.ones(2))
            raise KeyboardInterrupt
    check_only(file, before)


def check_only(file: Path, content: bytes | None) -> None:
    """In the folder there is nothing, or only `file` as it was."""
    assert list(file.parent.iterdir()) == ([] if content is None else [file])
    assert content is None or file.read_bytes() == content


def test_a_new_file_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"old")
    with open_shard(file, entries({"a": torch.ones(2)}), {}) as writer:
        writer.write("a", torch.ones(2))
    check_equal(file, {"a": torch.ones(2)})
