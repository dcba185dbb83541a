"""LoRAs, several at a time, are switched on a model that stays in memory."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.core.errors import Fault, FaultCode
from inference.multitalk import runner
from inference.multitalk.runtime.networks import LoadedModel, LoadOptions, load_model
from inference.multitalk.runtime.placement import Placement
from presets.schema import Lora
from tests.support.tiny_networks import CPU, MODEL, window
from tests.support.tiny_weights import lora as released
from tests.support.weight_sets import laid_out
from weights.sets import BF16, FP8

FUSIONX, LIGHTX2V = Lora("fusionx"), Lora("lightx2v")
ALL: list[tuple[Lora, ...]] = [(LIGHTX2V,), (FUSIONX,), (FUSIONX, Lora("lightx2v", 0.5)), ()]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder with its lean sets."""
    return laid_out(tmp_path_factory.mktemp("weights") / "weights", BF16, FP8).set(BF16).parent


@pytest.fixture
def folder(sets: Path, tmp_path: Path) -> Path:
    """A copy of a set to break."""
    return Path(shutil.copytree(sets / BF16, tmp_path / BF16))


@pytest.mark.parametrize("kind", [BF16, FP8])
@pytest.mark.parametrize("resident", [None, 0])
def test_they_are_switched_on_one_model_as_if_it_were_loaded_for_each(
    sets: Path, kind: str, resident: int | None
) -> None:
    choices = LoadOptions(resident_blocks=resident)
    made = dict[tuple[Lora, ...], Tensor]()
    for loras in ALL:
        fresh_one = load_model(MODEL, sets / kind, CPU, choices)
        fresh_one.set_loras(loras)
        made[loras] = window(fresh_one)
    for number, loras in enumerate(ALL):
        assert not any(made[loras].allclose(made[n], atol=1e-3) for n in ALL[:number])
    loaded = load_model(MODEL, sets / kind, CPU, choices)
    for number in (0, 3, 2, 2, 1, 3):
        loaded.set_loras(ALL[number])
        assert loaded.loras == ALL[number] and window(loaded).equal(made[ALL[number]])


def check_refused(folder: Path, lora: Lora, says: str) -> str:
    """It is refused in one sentence, and none is on then; returns the details."""
    loaded = load_model(MODEL, folder, CPU)
    without = window(loaded)
    loaded.set_loras((FUSIONX,))
    with pytest.raises(Fault) as caught:
        loaded.set_loras((FUSIONX, lora))
    fault = caught.value
    assert fault.code == FaultCode.ENGINE_UNAVAILABLE and f"{lora.name}.safetensors" in says
    assert fault.message == says
    assert not loaded.loras and window(loaded).equal(without)
    loaded.set_loras((FUSIONX,))  # which still can be used
    assert loaded.loras == (FUSIONX,) and not window(loaded).equal(without)
    return fault.details


def test_one_that_is_not_there_is_named(folder: Path) -> None:
    file = folder / "loras" / "other.safetensors"
    says = f"{file} is not there. Run python -m weights download."
    assert "other.safetensors" in check_refused(folder, Lora("other"), says)


def test_one_of_another_model_is_refused(folder: Path) -> None:
    file = folder / "loras" / "lightx2v.safetensors"
    says = f"{file} is damaged, or not for this model. Run python -m weights verify."
    save_file({"blocks.99.q.diff": torch.zeros(1)}, file)
    assert "blocks.99.q" in check_refused(folder, LIGHTX2V, says)


def test_one_of_which_only_a_part_came_is_refused(folder: Path) -> None:
    file = folder / "loras" / "lightx2v.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    says = f"{file} is damaged, or not for this model. Run python -m weights verify."
    assert "damaged" in check_refused(folder, LIGHTX2V, says)


def test_an_operators_own_lies_where_it_is_said_to(folder: Path, tmp_path: Path) -> None:
    file, loaded = tmp_path / "mine.safetensors", load_model(MODEL, folder, CPU)
    own = Lora(str(tmp_path / "mine"), 0.5)
    says = f"The LoRA {file} can't be read. Put it there, or take it out of PORTRAIT_LORAS."
    check_refused(folder, own, says)
    save_file(released("lightx2v"), file)
    loaded.set_loras((FUSIONX, Lora("lightx2v", 0.5)))
    wanted = window(loaded)
    loaded.set_loras((FUSIONX, own))
    assert window(loaded).equal(wanted)


def test_an_operators_own_are_on_as_soon_as_the_model_is_loaded(
    sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list[LoadedModel]()

    def loading(*given: Any) -> LoadedModel:
        made.append(load_model(*given))
        return made[-1]

    chosen = Placement(BF16, "float32", resident_blocks=2, keep_text_encoder=True)
    for name, stand_in in {
        "_require_usable": lambda *_, **__: None,  # it would ask for a GPU
        "plan_placement": lambda *_: chosen,
        "load_model": loading,
    }.items():
        monkeypatch.setattr(runner, name, stand_in)
    own = (Lora(str(sets / BF16 / "loras" / "fusionx"), 0.5),)
    runner.Runner(MODEL, "cpu", sets, own).load()
    assert [loaded.loras for loaded in made] == [own]


def test_an_operators_own_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_file({"blocks.0.diff": torch.zeros(1)}, file)
    reason = "blocks.0.diff: the model has no blocks.0.weight"
    says = f"The LoRA {file} does not fit the model ({reason}). Take it out of PORTRAIT_LORAS."
    check_refused(folder, Lora(str(tmp_path / "mine")), says)
