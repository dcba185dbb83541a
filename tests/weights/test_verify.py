"""Every planted fault is found by name, and nothing else is reported."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.support.weight_sets import Weights, flip, laid_out
from weights import __main__ as command_line
from weights.manifest import INDEX
from weights.sets import (
    BF16,
    FP8,
    ORIGINAL,
    delete_marker,
    find_missing,
    list_complete_sets,
    lock_path,
)

SHARD = "transformer/diffusion_pytorch_model-00004-of-00007.safetensors"
TEXT = "text/model-00002-of-00005.safetensors"
LORA = "loras/fusionx.safetensors"
PREPARED = "transformer/model-00001.safetensors"
DAMAGED = "is damaged: its SHA-256 is not the recorded one"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return laid_out(tmp_path_factory.mktemp("verify") / "weights", BF16, FP8)


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    """Downloads, the set of links to them, and both lean ones."""
    return laid_out(tmp_path / "weights", BF16, FP8)


def hub(weights: Weights, place: str) -> str:
    return weights.download(place).relative_to(weights.folder).as_posix()


def inside(weights: Weights, kind: str, name: str) -> str:
    return (weights.set(kind) / name).relative_to(weights.folder).as_posix()


def cut(file: Path) -> int:
    """Returns how long it was."""
    data = file.read_bytes()
    file.write_bytes(data[:-10])
    return len(data)


def resave(file: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def test_clean_sets_have_no_fault(weights: Weights) -> None:
    assert weights.faults() == []


def test_sets_that_were_copied_from_elsewhere_have_none(template: Weights, tmp_path: Path) -> None:
    moved = Weights(tmp_path / "weights", template.manifest)
    shutil.copytree(template.folder, moved.folder)
    assert moved.faults() == []
    flip(moved.set(ORIGINAL) / SHARD)
    assert moved.faults() == [(inside(moved, ORIGINAL, SHARD), DAMAGED)]


@pytest.mark.parametrize("place", [SHARD, TEXT, LORA, "tokenizer/tokenizer.json"])
def test_a_flipped_byte_in_a_download_is_found(weights: Weights, place: str) -> None:
    flip(weights.download(place))
    faults = weights.faults()
    assert faults.pop(0) == (hub(weights, place), DAMAGED)
    # where lean sets share the file they are told of too
    shared = [(inside(weights, kind, place), "is a download with a fault") for kind in (BF16, FP8)]
    assert faults == (shared if place in (LORA, "tokenizer/tokenizer.json") else [])


@pytest.mark.parametrize("kind", [BF16, FP8])
@pytest.mark.parametrize("name", [PREPARED, "video/model-00001.safetensors"])
def test_a_flipped_byte_in_a_prepared_file_is_found(weights: Weights, kind: str, name: str) -> None:
    flip(weights.set(kind) / name)
    assert weights.faults() == [(inside(weights, kind, name), DAMAGED)]


def test_a_flipped_byte_in_a_copy_is_found(weights: Weights) -> None:
    for target in (weights.set(ORIGINAL) / TEXT, weights.set(BF16) / LORA):
        content = target.read_bytes()
        target.unlink()
        target.write_bytes(content)
        flip(target)
    assert weights.faults() == [
        (inside(weights, ORIGINAL, TEXT), DAMAGED),
        (inside(weights, BF16, LORA), DAMAGED),
    ]


def test_a_truncated_download_is_found(weights: Weights) -> None:
    length = cut(weights.download(TEXT))
    first, second, third = weights.faults()
    told = f"has {length - 10} bytes, not {length}"
    assert [first, second] == [(hub(weights, TEXT), told), (inside(weights, ORIGINAL, TEXT), told)]
    assert third[0] == inside(weights, ORIGINAL, "text")
    assert third[1].startswith(f"{Path(TEXT).name} is damaged")


@pytest.mark.parametrize("kind", [BF16, FP8])
def test_a_truncated_prepared_file_is_found(weights: Weights, kind: str) -> None:
    length = cut(weights.set(kind) / PREPARED)
    first, second = weights.faults()
    told = f"has {length - 10} bytes, not {length}"
    assert first == (inside(weights, kind, PREPARED), told)
    assert second[0] == inside(weights, kind, "transformer")
    assert second[1].startswith("model-00001.safetensors is damaged")


def test_a_missing_download_is_found(weights: Weights) -> None:
    weights.download(SHARD).unlink()
    assert weights.faults() == [(hub(weights, SHARD), "is missing")]


def test_a_lora_that_was_never_fetched_is_no_fault_but_one_that_is_gone(weights: Weights) -> None:
    weights.download(LORA).unlink()
    assert weights.faults() == [(hub(weights, LORA), "is missing")]
    lock_path(weights.folder).unlink()
    weights.record(*(f.path_in_set for f in weights.manifest.files if f.path_in_set != LORA))
    assert weights.faults() == []


def test_a_download_that_was_never_checked_is_found(weights: Weights) -> None:
    lock_path(weights.folder).unlink()
    weights.record(*(f.path_in_set for f in weights.manifest.files if f.path_in_set != SHARD))
    told = "was never checked; run python -m weights download"
    assert weights.faults() == [(hub(weights, SHARD), told)]
    weights.download(SHARD).unlink()
    assert weights.faults() == [(hub(weights, SHARD), "is missing")]


def test_a_missing_file_of_a_set_is_found(weights: Weights) -> None:
    (weights.set(BF16) / LORA).unlink()
    (weights.set(FP8) / PREPARED).unlink()
    first, second, third = weights.faults()
    assert first == (inside(weights, BF16, LORA), "is missing")
    assert second == (inside(weights, FP8, PREPARED), "is missing")
    assert third[0] == inside(weights, FP8, "transformer")
    assert third[1].startswith("no .safetensors file in")


def replaced_upstream(weights: Weights, place: str, change: Callable[[Path], object]) -> None:
    """As if the hub's own file were wrong: it was fetched, recorded and laid out all the same."""
    change(weights.download(place))
    weights.record(place)
    weights.assemble()


def test_a_tensor_too_many_is_found(weights: Weights) -> None:
    def more(file: Path) -> None:
        resave(file, lambda tensors: tensors.update(stranger=torch.ones(2)))

    replaced_upstream(weights, SHARD, more)
    told = "1 unexpected: stranger"
    assert weights.faults() == [(inside(weights, ORIGINAL, "transformer"), told)]


def test_a_tensor_too_few_is_found(weights: Weights) -> None:
    name = next(iter(load_file(weights.download(SHARD))))
    replaced_upstream(weights, SHARD, lambda file: resave(file, lambda t: t.pop(name)))
    told = f"{name} is not in {Path(SHARD).name}, where the index has it"
    assert weights.faults() == [(inside(weights, ORIGINAL, "transformer"), told)]


def test_a_tensor_of_another_shape_is_found(weights: Weights) -> None:
    name = next(iter(load_file(weights.download(SHARD))))

    def other(file: Path) -> None:
        resave(file, lambda tensors: tensors.update({name: torch.ones(7)}))

    replaced_upstream(weights, SHARD, other)
    [(path, told)] = weights.faults()
    assert path == inside(weights, ORIGINAL, "transformer")
    assert told.startswith(f"1 misshapen: {name} (7,) for (")


def test_an_index_that_points_to_the_wrong_file_is_found(weights: Weights) -> None:
    name = next(iter(load_file(weights.download(SHARD))))
    wrong = Path(SHARD).name.replace("00004-of", "00005-of")

    def misdirect(file: Path) -> None:
        text = file.read_text()
        assert f'"{name}": "{Path(SHARD).name}"' in text
        file.write_text(text.replace(f'"{name}": "{Path(SHARD).name}"', f'"{name}": "{wrong}"'))

    replaced_upstream(weights, f"transformer/{INDEX}", misdirect)
    told = f"{name} is not in {wrong}, where the index has it"
    assert weights.faults() == [(inside(weights, ORIGINAL, "transformer"), told)]


@pytest.mark.parametrize("kind", [ORIGINAL, BF16, FP8])
def test_a_set_without_its_mark_is_found(weights: Weights, kind: str) -> None:
    delete_marker(weights.set(kind))
    assert weights.faults() == [(inside(weights, kind, ""), "is not complete")]


def test_lean_sets_that_were_never_made_are_no_fault(weights: Weights) -> None:
    for kind in (BF16, FP8):
        shutil.rmtree(weights.set(kind))
    assert weights.faults() == []


def without_originals(weights: Weights) -> None:
    shutil.rmtree(weights.folder / "hub")
    shutil.rmtree(weights.set(ORIGINAL))


def test_deleted_originals_beside_lean_sets_are_no_fault(weights: Weights) -> None:
    without_originals(weights)
    assert weights.faults() == []


@pytest.mark.parametrize("name", [LORA, "tokenizer/tokenizer.json"])
def test_a_fault_in_what_lean_sets_share_is_found_when_the_originals_are_deleted(
    weights: Weights, name: str
) -> None:
    without_originals(weights)
    flip(weights.set(BF16) / name)
    found = weights.faults()
    assert (inside(weights, BF16, name), DAMAGED) in found
    assert {fault for _, fault in found} == {DAMAGED}


def test_several_faults_are_all_found(weights: Weights) -> None:
    flip(weights.download(TEXT))
    flip(weights.set(BF16) / PREPARED)
    delete_marker(weights.set(FP8))
    assert weights.faults() == [
        (hub(weights, TEXT), DAMAGED),
        (inside(weights, BF16, PREPARED), DAMAGED),
        (inside(weights, FP8, ""), "is not complete"),
    ]


@pytest.fixture
def command(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line of these weights."""
    monkeypatch.setenv("PORTRAIT_WEIGHTS", str(weights.folder))
    monkeypatch.setattr(command_line, "MULTITALK_14B", weights.manifest)
    return lambda *arguments: command_line.main(list(arguments))


def test_the_command_says_each_fault_and_only_the_set_it_is_in_is_no_longer_used(
    weights: Weights, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("verify") == 0
    flip(weights.set(BF16) / PREPARED)
    assert command("verify") == 1
    assert f"{weights.set(BF16) / PREPARED}: {DAMAGED}" in capsys.readouterr().out
    assert find_missing(weights.set(BF16)) == "complete.json"
    assert list_complete_sets(weights.set(BF16).parent) == (FP8, ORIGINAL)


def test_a_damaged_copy_is_made_anew(weights: Weights, command: Callable[..., int]) -> None:
    copied = weights.set(ORIGINAL) / TEXT
    copied.unlink()
    shutil.copy2(weights.download(TEXT), copied)
    flip(copied)
    assert command("verify") == 1
    assert command("assemble") == 0 and command("verify") == 0


def test_what_lean_sets_share_with_a_damaged_download_is_made_again_too(
    weights: Weights, command: Callable[..., int]
) -> None:
    path, right = weights.download(LORA), weights.download(LORA).read_bytes()
    flip(path)
    assert command("verify") == 1
    path.unlink()  # as a download does: the new file moves to its place
    path.write_bytes(right)
    weights.record(LORA)
    for arguments in (["assemble"], *(["prepare", "--dtype", kind] for kind in (BF16, FP8))):
        assert command(*arguments) == 0
    assert [(weights.set(kind) / LORA).read_bytes() == right for kind in (BF16, FP8)] == [True] * 2
    assert command("verify") == 0


def test_a_set_made_again_after_a_fault_is_whole(
    weights: Weights, command: Callable[..., int]
) -> None:
    before = (weights.set(BF16) / PREPARED).read_bytes()
    flip(weights.set(BF16) / PREPARED)
    assert command("verify") == 1
    assert command("assemble") == command("prepare", "--dtype", BF16) == 0
    assert (weights.set(BF16) / PREPARED).read_bytes() == before
