"""A model's files become its networks exactly, or one sentence says that they are not its own."""

import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import ByT5Tokenizer

from inference.errors import Fault, FaultCode
from inference.models.registry import MODELS, Networks, initialised
from inference.multitalk.networks import load
from tests.small import CPU, MODEL, random

NAMES = [field.name for field in fields(Networks)]
SEED = 5  # not that of the random weights which stand in where there are no files
CHANGED = "blocks.0.self_attn.q"


def original() -> Networks:
    return initialised(MODELS[MODEL], SEED)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, the transformer in two files."""
    folder = tmp_path_factory.mktemp("weights") / MODEL
    for name in NAMES:
        tensors = {k: v.contiguous() for k, v in getattr(original(), name).state_dict().items()}
        parts = [tensors]
        if name == "transformer":
            parts = [dict(list(tensors.items())[:9]), dict(list(tensors.items())[9:])]
        (folder / name).mkdir(parents=True)
        for number, part in enumerate(parts):
            unlike = {k: v.clone() for k, v in part.items()}  # some networks share tensors
            save_file(unlike, folder / name / f"{number}.safetensors")
    ByT5Tokenizer().save_pretrained(folder / "tokenizer")
    (folder / "loras").mkdir()
    factors = {"lora_down": random(1, 4, 32), "lora_up": random(2, 32, 4)}
    named = {f"diffusion_model.{CHANGED}.{k}.weight": v for k, v in factors.items()}
    save_file(named, folder / "loras" / "fusionx.safetensors")
    return folder


@pytest.fixture
def folder(files: Path, tmp_path: Path) -> Path:
    """A copy of `files` to break."""
    return Path(shutil.copytree(files, tmp_path / MODEL))


def seen(networks: Networks) -> dict[str, Tensor]:
    """Something that each network makes of the same numbers."""
    with torch.inference_mode():
        ids = torch.arange(3, 12).unsqueeze(0)
        transformer = networks.transformer
        return {
            "transformer": transformer.time(500.0).blocks,
            "blocks": transformer.get_submodule("blocks.0.ffn")(random(3, 1, 5, 32)),
            "video": networks.video.to_latents(random(4, 3, 5, 32, 64).clamp(-1, 1)),
            "image": networks.image.features(random(5, 3, 32, 64)),
            "text": networks.text.features(ids, torch.ones_like(ids))[0],
            "audio": networks.audio.features(random(6, 16_000)),
        }


def check_same(ours: Networks, others: Networks) -> None:
    wanted = seen(others)
    for name, tensor in seen(ours).items():
        # where its weights lie in memory moves the last bit of a product
        torch.testing.assert_close(tensor, wanted[name], msg=name)


def test_files_give_the_networks_that_they_were_written_from(folder: Path) -> None:
    loaded = load(MODEL, folder, CPU, None)
    check_same(loaded.networks, original())
    assert loaded.lora is None
    for name in NAMES:
        network = getattr(loaded.networks, name)
        assert not network.training
        assert {buffer.device.type for buffer in network.buffers()} <= {
            "cpu"
        }  # none without memory
        for key, tensor in getattr(original(), name).state_dict().items():
            assert network.state_dict()[key].equal(tensor)


def test_random_weights_are_the_same_every_time() -> None:
    first, second = (load(MODEL, None, CPU, "fusionx") for _ in range(2))
    check_same(first.networks, second.networks)
    assert first.lora is None  # they take none
    assert not seen(first.networks)["text"].equal(seen(original())["text"])


def test_loading_leaves_other_random_numbers_as_they_were() -> None:
    state = torch.get_rng_state()
    load(MODEL, None, CPU, None)
    assert torch.get_rng_state().equal(state)


def test_the_tokenizer_is_the_folders_own(folder: Path) -> None:
    tokenizer = load(MODEL, folder, CPU, None).tokenizer
    tokens = tokenizer(
        ["ab", "a"], padding=True, truncation=True, max_length=9, return_tensors="pt"
    )
    assert tokens["input_ids"].tolist() == [[100, 101, 1], [100, 1, 0]]
    assert tokens["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]


def test_a_lora_changes_what_it_names_and_nothing_else(folder: Path) -> None:
    loaded, plain = load(MODEL, folder, CPU, "fusionx"), original().transformer
    assert loaded.lora == "fusionx"
    changed = {
        name: parameter - plain.get_parameter(name)
        for name, parameter in loaded.networks.transformer.named_parameters()
        if not parameter.equal(plain.get_parameter(name))
    }
    assert set(changed) == {f"{CHANGED}.weight"}
    wanted = random(2, 32, 4) @ random(1, 4, 32)
    torch.testing.assert_close(changed[f"{CHANGED}.weight"], wanted, atol=1e-5, rtol=1e-4)


def refusal(folder: Path, lora: str | None = None) -> Fault:
    """The one sentence's Fault, after what it has to be was checked."""
    with pytest.raises(Fault) as caught:
        load(MODEL, folder, CPU, lora)
    fault = caught.value
    assert fault.code == FaultCode.ENGINE_UNAVAILABLE
    assert fault.message == (f"The weights in {folder} are not those of {MODEL}. Fetch them again.")
    return fault


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_that_is_missing_is_named(folder: Path, name: str) -> None:
    file = folder / name / "0.safetensors"
    tensors = load_file(file)
    gone = sorted(tensors)[0]
    del tensors[gone]
    save_file(tensors, file)
    assert f"1 missing: {gone}" in refusal(folder).details


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_of_another_shape_is_named(folder: Path, name: str) -> None:
    file = folder / name / "0.safetensors"
    tensors = load_file(file)
    bent = sorted(tensors)[0]
    tensors[bent] = torch.zeros(3, 1, 4)
    save_file(tensors, file)
    assert f"1 misshapen: {bent} (3, 1, 4)" in refusal(folder).details


def test_a_tensor_of_another_model_is_named(folder: Path) -> None:
    save_file({"blocks.40.more": torch.zeros(1)}, folder / "transformer" / "2.safetensors")
    assert "1 unexpected: blocks.40.more" in refusal(folder).details


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_files_is_named(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    assert str(folder / name) in refusal(folder).details


def test_a_lora_that_is_not_there_is_named(folder: Path) -> None:
    assert "lightx2v.safetensors" in refusal(folder, "lightx2v").details


def test_a_lora_of_another_model_is_refused(folder: Path) -> None:
    save_file({"blocks.99.q.diff": torch.zeros(1)}, folder / "loras" / "fusionx.safetensors")
    assert "blocks.99.q" in refusal(folder, "fusionx").details


@pytest.mark.parametrize("kept", [0, 4, 100, -100])
def test_a_file_of_which_only_a_part_came_is_named(folder: Path, kept: int) -> None:
    file = folder / "video" / "0.safetensors"
    torn = file.read_bytes()[:kept]
    file.write_bytes(torn)
    assert "0.safetensors is damaged" in refusal(folder).details


def test_the_big_model_has_as_many_parameters_as_are_published() -> None:
    with torch.device("meta"):
        parts = {name: build() for name, build in MODELS["multitalk-14b"].parts().items()}
    counts = {n: sum(p.numel() for p in part.parameters()) for n, part in parts.items()}
    assert counts["transformer"] == 18_882_046_784
    assert counts["video"] == 126_892_531 and counts["text"] == 5_680_910_336
