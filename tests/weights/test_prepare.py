"""Lean sets give the original's numbers but for rounding, and come about whole, however often the
run is broken off."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.multitalk.models.transformer import Conditioning
from inference.multitalk.runtime.networks import load_model
from presets.schema import Lora
from tests.support.media import ROOT
from tests.support.tiny_networks import CPU, FRAMES, HEIGHT, MODEL, WIDTH, random, scene
from tests.support.weight_sets import (
    Weights,
    contents,
    downloaded,
    files,
    laid_out,
    stamps,
    tensors_of,
)
from weights import loading, prepare
from weights.disk import Disk, Volume
from weights.errors import WeightsError
from weights.sets import BF16, FP8, LEAN_SETS, NETWORKS, ORIGINAL, find_missing, read_marker
from weights.shards import TensorSpec, open_shard
from weights.tensors import MismatchError

LORA = "loras/fusionx.safetensors"
TEXT = "text/model-00002-of-00005.safetensors"
VIDEO = "video/model.safetensors"
MARK = "complete.json"
# `prepare`, killed when its second file is written but does not have its name yet.
BROKEN_OFF = """
import os, signal, sys
from pathlib import Path
from tests.support.tiny_weights import manifest
from weights import disk
from weights.prepare import prepare

def watch(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("-00001.safetensors"):
        renamed.append(arguments[1])
        if len(renamed) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

renamed, weights = [], Path(sys.argv[1])
sys.addaudithook(watch)
prepare(weights, manifest(weights / "hub"), sys.argv[2], print, getattr(disk, sys.argv[3])())
"""


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    return laid_out(tmp_path / "weights")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """With all sets, to look at."""
    return laid_out(tmp_path_factory.mktemp("prepare") / "weights", *LEAN_SETS)


def velocity(weights: Weights, kind: str) -> Tensor:
    """Of two speakers, by the whole transformer of a set."""
    transformer = load_model(MODEL, weights.set(kind), CPU).networks.transformer
    given, grid = scene(speakers=2), ((FRAMES - 1) // 4 + 1, HEIGHT // 8, WIDTH // 8)
    with torch.inference_mode():
        conditioning = Conditioning(
            transformer.project_text(given.prompt),
            transformer.project_image(random(5, 1, 17, 32)),
            transformer.project_voices(given.voices, 0, FRAMES),
            transformer.compute_rotation(*grid),
            given.masks,
        )
        noise, known = random(6, 16, *grid), random(7, 20, *grid)
        out: Tensor = transformer(noise, known, transformer.embed_timestep(713.5), conditioning)
    return out


@pytest.mark.parametrize(("kind", "limit"), [(BF16, 2e-2), (FP8, 1e-1)])
def test_the_velocity_is_the_original_s_but_for_rounding(
    made: Weights, kind: str, limit: float
) -> None:
    right = velocity(made, ORIGINAL)
    error = float((velocity(made, kind) - right).norm() / right.norm())
    print(f"{kind}: {error:.2e} from float32")
    assert 0 < error < limit


@pytest.mark.parametrize("kind", LEAN_SETS)
def test_a_second_run_does_nothing(weights: Weights, kind: str) -> None:
    assert weights.prepare(kind)
    before = stamps(weights.set(kind))
    assert not weights.prepare(kind)
    assert stamps(weights.set(kind)) == before


@pytest.mark.parametrize(("kind", "disk"), [(FP8, Disk()), (BF16, Volume())])
def test_a_run_that_was_killed_goes_on_and_gives_the_same_bytes(
    weights: Weights, made: Weights, kind: str, disk: Disk, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", BROKEN_OFF, str(weights.folder), kind, type(disk).__name__]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    killed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    first, second = "transformer/model-00001.safetensors", "video/model-00001.safetensors.part"
    finished = stamps(weights.set(kind))
    assert set(finished) == {first, second} and find_missing(weights.set(kind)) == MARK
    assert weights.prepare(kind, disk)
    assert stamps(weights.set(kind))[first] == finished[first]
    assert contents(weights.set(kind)) == contents(made.set(kind))


@pytest.mark.parametrize("name", [MARK, "audio/model-00001.safetensors", LORA])
def test_only_what_is_gone_is_made_again(weights: Weights, made: Weights, name: str) -> None:
    weights.prepare(FP8)
    (weights.set(FP8) / name).unlink()
    before = stamps(weights.set(FP8), "*/model-*")
    assert weights.prepare(FP8)
    after = stamps(weights.set(FP8), "*/model-*")
    assert {key: after[key] for key in before} == before
    assert contents(weights.set(FP8)) == contents(made.set(FP8))


def test_a_file_that_was_cut_is_made_again(weights: Weights, made: Weights) -> None:
    weights.prepare(BF16)
    file = weights.set(BF16) / "text/model-00001.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert weights.prepare(BF16)
    assert contents(weights.set(BF16)) == contents(made.set(BF16))


def test_of_another_original_the_set_is_made_anew(weights: Weights) -> None:
    weights.prepare(BF16)
    before = stamps(weights.set(BF16), "model-*")
    changed = {name: t + 1 for name, t in load_file(weights.download(VIDEO)).items()}
    save_file(changed, weights.download(VIDEO), metadata={"format": "pt"})
    weights.record(VIDEO)
    weights.assemble()
    assert weights.prepare(BF16)
    after = stamps(weights.set(BF16), "model-*")
    assert all(after[name] != before[name] for name in before) and len(after) == len(before)
    made = tensors_of(weights.set(BF16) / "video")
    assert made.keys() == changed.keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in changed.items())


def test_files_of_an_earlier_version_do_not_stay(weights: Weights, made: Weights) -> None:
    weights.prepare(BF16)
    folder = weights.set(BF16)
    shutil.copy(folder / "text/model-00001.safetensors", folder / "text/model-00002.safetensors")
    (folder / MARK).unlink()
    assert weights.prepare(BF16)
    assert contents(folder) == contents(made.set(BF16))


def test_a_new_lora_is_taken_up_and_no_network_written(tmp_path: Path) -> None:
    weights = downloaded(tmp_path / "weights")
    kept = weights.download(LORA).rename(tmp_path / "kept")
    weights.assemble()
    weights.prepare(BF16)
    before = stamps(weights.set(BF16), "model-*")
    assert not (weights.set(BF16) / LORA).exists()
    kept.rename(weights.download(LORA))
    weights.assemble()
    assert weights.prepare(BF16) and not weights.prepare(BF16)
    assert stamps(weights.set(BF16), "model-*") == before
    assert (weights.set(BF16) / LORA).read_bytes() == weights.download(LORA).read_bytes()


def test_another_version_of_a_lora_is_taken_up_even_if_it_is_as_long(weights: Weights) -> None:
    weights.prepare(BF16)
    file = weights.download(LORA)
    changed = {name: 2 * tensor for name, tensor in load_file(file).items()}
    file.unlink()
    save_file(changed, file, metadata={"format": "pt"})
    weights.record(LORA)
    weights.assemble()
    assert weights.prepare(BF16)
    assert (weights.set(BF16) / LORA).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("kind", LEAN_SETS)
def test_numbers_that_are_not_finite_are_named(weights: Weights, kind: str, number: float) -> None:
    tensors = load_file(weights.download(TEXT))
    name = list(tensors)[-1]
    tensors[name].view(-1)[-1] = number
    save_file(tensors, weights.download(TEXT), metadata={"format": "pt"})
    weights.record(TEXT)
    weights.assemble()
    with pytest.raises(WeightsError) as caught:
        weights.prepare(kind)
    file = weights.set(ORIGINAL) / TEXT
    assert str(caught.value) == f"{name} in {file} has numbers that are not finite or too large."
    assert find_missing(weights.set(kind)) == MARK
    assert not list((weights.set(kind) / "text").iterdir())


def test_an_original_that_is_not_this_model_s_is_refused(weights: Weights) -> None:
    place = "transformer/multitalk.safetensors"
    tensors = load_file(weights.download(place)) | {"stranger": torch.ones(1)}
    save_file(tensors, weights.download(place), metadata={"format": "pt"})
    weights.record(place)
    weights.assemble()
    with pytest.raises(MismatchError, match="^1 unexpected: stranger$"):
        weights.prepare(BF16)


def test_an_original_in_8_bits_is_refused(weights: Weights) -> None:
    tensors = load_file(weights.download(VIDEO))
    name = next(name for name, tensor in tensors.items() if tensor.dim() > 1)
    tensors[name] = tensors[name].to(torch.float8_e4m3fn)
    specs = [TensorSpec(key, tuple(tensor.shape), tensor.dtype) for key, tensor in tensors.items()]
    with open_shard(weights.download(VIDEO), specs, {}) as writer:
        for key, tensor in tensors.items():
            writer.write(key, tensor)
    weights.record(VIDEO)
    weights.assemble()
    with pytest.raises(WeightsError, match="holds 8-bit numbers. Prepare from the original set"):
        weights.prepare(BF16)


def test_without_the_original_there_is_nothing_to_prepare(tmp_path: Path) -> None:
    weights = downloaded(tmp_path / "weights")
    with pytest.raises(WeightsError, match="not complete.*Run python -m weights download"):
        weights.prepare(BF16)


@pytest.mark.parametrize("kind", LEAN_SETS)
def test_tensors_larger_than_a_piece_and_than_a_file_come_out_equal(
    weights: Weights, made: Weights, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PIECE_ELEMENTS", 100)
    monkeypatch.setattr(prepare, "_SHARD_BYTES", 3000)
    assert weights.prepare(kind)
    assert len(files(weights.set(kind), "model-*")) > 40
    for part in NETWORKS:
        found, wanted = (tensors_of(w.set(kind) / part) for w in (weights, made))
        assert found.keys() == wanted.keys()
        for name, tensor in wanted.items():
            assert found[name].dtype is tensor.dtype
            assert torch.equal(found[name].float(), tensor.float()), name
    assert torch.equal(velocity(weights, kind), velocity(made, kind))


@pytest.mark.parametrize("links", [os.link, os.symlink, shutil.copy2])
def test_a_lean_set_works_when_the_originals_are_deleted(
    weights: Weights, made: Weights, links: object
) -> None:
    for file in weights.manifest.files:
        target = weights.set(ORIGINAL) / file.path_in_set
        target.unlink()
        links(weights.download(file.path_in_set), target)  # type: ignore[operator]
    weights.prepare(BF16)
    shutil.rmtree(weights.folder / "hub")
    shutil.rmtree(weights.set(ORIGINAL))
    assert find_missing(weights.set(BF16)) is None
    loaded = load_model(MODEL, weights.set(BF16), CPU)
    loaded.set_loras((Lora("fusionx"),))
    assert torch.equal(velocity(weights, BF16), velocity(made, BF16))


def test_a_lean_set_is_much_smaller_and_says_what_it_was_made_of(made: Weights) -> None:
    sizes = {kind: sum(f.stat().st_size for f in files(made.set(kind))) for kind in LEAN_SETS}
    original = sum(file.stat().st_size for file in files(made.set(ORIGINAL)))
    assert sizes[FP8] < sizes[BF16] < original
    marks = [read_marker(made.set(kind)) for kind in (ORIGINAL, *LEAN_SETS)]
    assert len({mark.source for mark in marks if mark}) == 1
