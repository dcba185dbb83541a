"""Networks from a folder are those that were written; what does not fit is told in a sentence."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ByT5Tokenizer

from inference.errors import Fault, FaultCode
from inference.models.registry import MODELS, Networks, initialised
from inference.multitalk.networks import load

CPU = torch.device("cpu")
TINY = "multitalk-tiny"
ORIGINAL = initialised(MODELS[TINY], seed=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tiny model as files."""
    for name, network in vars(ORIGINAL).items():
        (tmp_path / name).mkdir()
        tensors = {n: t.contiguous().clone() for n, t in network.state_dict().items()}
        tensors.pop("encoder.embed_tokens.weight", None)  # the same as shared.weight
        save_file(tensors, tmp_path / name / "model.safetensors")
    ByT5Tokenizer().save_pretrained(tmp_path / "tokenizer")
    return tmp_path


def outputs(networks: Networks) -> list[torch.Tensor]:
    picture = torch.linspace(-1, 1, 3 * 32 * 64).view(3, 32, 64)
    ids = torch.arange(3, 9)[None]
    with torch.inference_mode():
        return [
            networks.image.features(picture),
            networks.text.features(ids, torch.ones_like(ids))[0],
            networks.audio.features(torch.linspace(-1, 1, 8000).sin()),
            networks.video.to_latents(picture[:, None]),
            networks.transformer.time(500.0).blocks,
        ]


def test_a_folder_holds_the_whole_model(folder: Path) -> None:
    loaded = load(TINY, folder, CPU, lora=None)
    for read, written in zip(outputs(loaded.networks), outputs(ORIGINAL), strict=True):
        torch.testing.assert_close(read, written, rtol=1e-4, atol=1e-5)
    assert loaded.tokenizer(
        ["ab"], padding=True, truncation=True, max_length=9, return_tensors="pt"
    )["input_ids"].tolist() == [[100, 101, 1]]


@pytest.mark.parametrize("fault", ["missing", "misshapen", "no file", "torn"])
def test_what_does_not_fit_is_one_sentence(folder: Path, fault: str) -> None:
    file = folder / "video" / "model.safetensors"
    tensors = load_file(file)
    name = next(iter(tensors))
    if fault == "missing":
        del tensors[name]
    elif fault == "misshapen":
        tensors[name] = torch.zeros(7)
    save_file(tensors, file)
    if fault == "no file":
        file.unlink()
    elif fault == "torn":
        file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Fault, match="are not those of multitalk-tiny. Fetch them again") as caught:
        load(TINY, folder, CPU, lora=None)
    assert caught.value.code is FaultCode.ENGINE_UNAVAILABLE
    assert fault not in ("missing", "misshapen") or name in caught.value.details


def test_a_lora_changes_what_it_names(folder: Path) -> None:
    (folder / "loras").mkdir()
    module = "blocks.1.ffn.0"
    changes = {f"diffusion_model.{module}.diff_b": torch.ones(64)}
    save_file(changes, folder / "loras" / "quick.safetensors")
    loaded = load(TINY, folder, CPU, lora="quick")
    assert loaded.lora == "quick"
    state, before = (n.transformer.state_dict() for n in (loaded.networks, ORIGINAL))
    different = {name for name in state if not torch.equal(state[name], before[name])}
    assert different == {f"{module}.bias"}
    assert torch.equal(state[f"{module}.bias"], before[f"{module}.bias"] + 1)


def test_random_weights_are_the_same_every_time_and_take_no_lora() -> None:
    state = torch.random.get_rng_state()
    first, second = (load(TINY, None, CPU, lora="quick") for _ in range(2))
    assert first.lora is None and torch.equal(torch.random.get_rng_state(), state)
    for a, b in zip(outputs(first.networks), outputs(second.networks), strict=True):
        assert torch.equal(a, b)


def test_every_part_of_the_big_model_can_be_built_without_memory() -> None:
    with torch.device("meta"):
        parts = {name: build() for name, build in MODELS["multitalk-14b"].parts().items()}
    counts = {n: sum(p.numel() for p in part.parameters()) for n, part in parts.items()}
    assert counts["transformer"] == 18_882_046_784
    assert counts["video"] == 126_892_531 and counts["text"] == 5_680_910_336
