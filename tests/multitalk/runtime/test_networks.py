"""A set of weights becomes the model's networks exactly, or one sentence says that it is not its
own."""

import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.core.errors import Fault, FaultCode
from inference.multitalk.models.linear import Linear
from inference.multitalk.models.registry import MODELS, Networks
from inference.multitalk.runtime.networks import LoadOptions, load_model
from presets.schema import Lora
from tests.support import tiny_weights
from tests.support.tiny_networks import CPU, MODEL, random, window
from weights.assemble import assemble
from weights.disk import Disk
from weights.lock import LockEntry, LockFile, compute_sha256
from weights.manifest import VOICE_CONFIG
from weights.names import is_quantised
from weights.prepare import prepare
from weights.sets import (
    BF16,
    DTYPES,
    FP8,
    LEAN_SETS,
    ORIGINAL,
    download_path,
    hub_folder,
    lock_path,
)
from weights.shards import dequantise, quantise

NAMES = [field.name for field in fields(Networks)]
FILE = "model-00001.safetensors"  # of each part of a lean set


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder with the set that is downloaded and those that are made of it."""
    weights = tmp_path_factory.mktemp("weights")
    manifest = tiny_weights.write_hub(hub_folder(weights))
    lock = LockFile(lock_path(weights))
    for file in manifest.files:
        path, revision = download_path(weights, file), file.repo.revision
        found = path.stat()
        entry = LockEntry(
            revision, revision, found.st_size, compute_sha256(path), found.st_mtime_ns
        )
        lock.record(file, entry)
    assert assemble(weights, manifest)
    for kind in LEAN_SETS:
        assert prepare(weights, manifest, kind, lambda _: None, Disk())
    return weights / manifest.model


@pytest.fixture
def folder(sets: Path, tmp_path: Path) -> Path:
    """A copy of a set to break."""
    return Path(shutil.copytree(sets / BF16, tmp_path / BF16))


def seen(networks: Networks) -> dict[str, Tensor]:
    """Something that each network makes of the same numbers."""
    with torch.inference_mode():
        ids = torch.arange(3, 12).unsqueeze(0)
        transformer = networks.transformer
        return {
            "transformer": transformer.embed_timestep(500.0).blocks,
            "blocks": transformer.get_submodule("blocks.0.ffn")(random(3, 1, 5, 32)),
            "video": networks.video.to_latents(random(4, 3, 5, 32, 64).clamp(-1, 1)),
            "image": networks.image.encode(random(5, 3, 32, 64)),
            "text": networks.text.encode(ids, torch.ones_like(ids))[0],
            "audio": networks.audio.encode(random(6, 16_000)),
        }


def kept(kind: str, part: str, name: str, tensor: Tensor) -> Tensor:
    """What a set keeps of a tensor, as float32."""
    if part == "image":
        tensor = tensor.bfloat16()  # as it is on the hub
    if kind == FP8 and part == "transformer" and is_quantised(name, tensor.ndim):
        return dequantise(*quantise(tensor), torch.float32)
    return (tensor if kind == ORIGINAL else tensor.to(getattr(torch, DTYPES[part]))).float()


def worth(network: torch.nn.Module, name: str) -> Tensor:
    """A tensor of the network's, or what an 8-bit one stands for."""
    module, _, leaf = name.rpartition(".")
    layer = network.get_submodule(module)
    if leaf == "weight" and isinstance(layer, Linear) and layer.scale is not None:
        return dequantise(layer.weight, layer.scale, torch.float32)
    tensor: Tensor = network.state_dict()[name]
    assert tensor.dtype is torch.float32
    return tensor


def test_how_fast_a_set_was_read_is_told_once(sets: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "inference"):
        load_model(MODEL, sets / BF16, CPU)
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("read 0.0 GB in ") and said.endswith(" GB/s")


@pytest.mark.parametrize("kind", [ORIGINAL, BF16, FP8])
def test_a_set_gives_the_networks_that_it_was_made_of(sets: Path, kind: str) -> None:
    loaded = load_model(MODEL, sets / kind, CPU)
    assert loaded.loras == ()
    for part in NAMES:
        network = getattr(loaded.networks, part)
        assert not network.training
        tensors = [*network.parameters(), *network.buffers()]
        assert {tensor.device.type for tensor in tensors} == {"cpu"}  # none without memory
        for name, tensor in tiny_weights.state(part).items():
            assert worth(network, name).equal(kept(kind, part, name, tensor)), name


@pytest.mark.parametrize(("kind", "far"), [(ORIGINAL, 2e-3), (BF16, 5e-2), (FP8, 2e-1)])
def test_what_they_make_is_as_near_as_their_numbers(sets: Path, kind: str, far: float) -> None:
    wanted = seen(tiny_weights.networks())
    for name, tensor in seen(load_model(MODEL, sets / kind, CPU).networks).items():
        assert (tensor - wanted[name]).norm() <= far * wanted[name].norm(), name


def test_an_8_bit_set_stays_in_8_bits(sets: Path) -> None:
    transformer = load_model(MODEL, sets / FP8, CPU).networks.transformer
    kept = {
        name
        for name, parameter in transformer.named_parameters()
        if parameter.dtype is torch.float8_e4m3fn
    }
    shapes = tiny_weights.state("transformer")
    assert kept == {name for name, tensor in shapes.items() if is_quantised(name, tensor.ndim)}
    assert "blocks.1.ffn.0.weight" in kept and "head.head.weight" not in kept


def test_random_weights_are_the_same_every_time_and_take_no_lora() -> None:
    first, second = (load_model(MODEL, None, CPU) for _ in range(2))
    second.set_loras((Lora("fusionx"),))
    assert second.loras == ()
    wanted = seen(second.networks)
    for name, tensor in seen(first.networks).items():
        # where its weights lie in memory moves the last bit of a product
        torch.testing.assert_close(tensor, wanted[name], msg=name)
    assert not wanted["text"].equal(seen(tiny_weights.networks())["text"])


def test_loading_leaves_other_random_numbers_as_they_were() -> None:
    state = torch.get_rng_state()
    load_model(MODEL, None, CPU)
    assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize("kind", [ORIGINAL, FP8])
def test_the_tokenizer_is_the_sets_own(sets: Path, kind: str) -> None:
    tokenizer = load_model(MODEL, sets / kind, CPU).tokenizer
    tokens = tokenizer(
        ["ab", "a"], padding=True, truncation=True, max_length=9, return_tensors="pt"
    )
    # padding, the end, the start, what is unknown, the space that comes first, letters
    assert tokens["input_ids"].tolist() == [[4, 5, 6, 1], [4, 5, 1, 0]]
    assert tokens["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_the_text_encoder_can_be_used_more_than_once(sets: Path) -> None:
    loaded = load_model(MODEL, sets / BF16, CPU, LoadOptions(keep_text_encoder=False))
    ids, made = torch.arange(3, 12).unsqueeze(0), list[Tensor]()
    for _ in range(2):
        with loaded.text_encoder() as encoder, torch.inference_mode():
            made.append(encoder.encode(ids, torch.ones_like(ids))[0])
    assert made[0].equal(made[1]) and made[0].equal(seen(loaded.networks)["text"])


@pytest.mark.parametrize("kind", [BF16, FP8])
@pytest.mark.parametrize("resident", [0, 1, 2])
def test_blocks_that_are_not_resident_travel_and_make_the_same(
    sets: Path, kind: str, resident: int
) -> None:
    travelling = load_model(MODEL, sets / kind, CPU, LoadOptions(resident_blocks=resident))
    assert (travelling.networks.transformer.block_source is not None) == (resident < 2)
    assert window(travelling).equal(window(load_model(MODEL, sets / kind, CPU)))


def test_random_weights_travel_too() -> None:
    travelling = load_model(MODEL, None, CPU, LoadOptions(resident_blocks=1))
    assert travelling.networks.transformer.block_source is not None
    assert window(travelling).equal(window(load_model(MODEL, None, CPU)))


def refusal(folder: Path) -> str:
    """The details of the one sentence's Fault, after what it has to be was checked."""
    with pytest.raises(Fault) as caught:
        load_model(MODEL, folder, CPU)
    fault = caught.value
    assert fault.code == FaultCode.ENGINE_UNAVAILABLE
    wanted = f"The weights in {folder} are not those of {MODEL}. Run python -m weights verify."
    assert fault.message == wanted
    return fault.details


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_that_is_missing_is_named(folder: Path, name: str) -> None:
    tensors = load_file(folder / name / FILE)
    gone = sorted(tensors)[0]
    del tensors[gone]
    save_file(tensors, folder / name / FILE)
    assert f"1 missing: {gone}" in refusal(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_of_another_shape_is_named(folder: Path, name: str) -> None:
    tensors = load_file(folder / name / FILE)
    bent = sorted(tensors)[0]
    tensors[bent] = torch.zeros(3, 1, 4)
    save_file(tensors, folder / name / FILE)
    assert f"1 misshapen: {bent} (3, 1, 4)" in refusal(folder)


def test_a_tensor_of_another_model_is_named(folder: Path) -> None:
    save_file({"blocks.40.more": torch.zeros(1)}, folder / "transformer" / "2.safetensors")
    assert "1 unexpected: blocks.40.more" in refusal(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_files_is_named(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    assert str(folder / name) in refusal(folder)


def test_a_set_without_its_tokenizer_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")
    assert "tokenizer.json" in refusal(folder)


def test_a_set_that_was_made_before_its_voice_had_settings_is_as_good(folder: Path) -> None:
    (folder / VOICE_CONFIG).unlink()
    assert load_model(MODEL, folder, CPU).tokenizer is not None


@pytest.mark.parametrize("cut", [0, 4, 100, -100])
def test_a_file_of_which_only_a_part_came_is_named(folder: Path, cut: int) -> None:
    file = folder / "video" / FILE
    file.write_bytes(file.read_bytes()[:cut])
    assert f"{FILE} is damaged" in refusal(folder)


def test_the_big_model_has_as_many_parameters_as_are_published() -> None:
    with torch.device("meta"):
        parts = {name: build() for name, build in MODELS["multitalk-14b"].get_builders().items()}
    counts = {n: sum(p.numel() for p in part.parameters()) for n, part in parts.items()}
    assert counts["transformer"] == 18_882_046_784
    assert counts["video"] == 126_892_531 and counts["text"] == 5_680_910_336
