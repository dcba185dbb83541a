"""The presets hold what their bounds promise."""

import pytest

from presets.gpus import GPUS, select_attention_kernels
from presets.models import DEFAULT_MODEL, DEVICE_PATTERN, MODELS
from presets.quality import PRESETS
from presets.schema import EngineFamily, Lora, Preset, Sampling


def test_there_is_a_draft_and_three_qualities_for_the_gpu() -> None:
    assert list(PRESETS) == ["draft", "fast", "balanced", "best"]
    assert PRESETS["draft"].engine is EngineFamily.DRAFT
    assert {PRESETS[name].engine for name in ("fast", "balanced", "best")} == {
        EngineFamily.MULTITALK
    }


@pytest.mark.parametrize(
    ("steps", "reuse_last", "computed"),
    [(1, False, 1), (1, True, 1), (2, False, 2), (2, True, 1), (40, False, 40), (8, True, 7)],
)
def test_the_last_step_of_several_may_cost_nothing(
    steps: int, reuse_last: bool, computed: int
) -> None:
    sampling = Sampling(steps, 2, 1, 2, reuse_last=reuse_last)
    assert (sampling.steps, sampling.computed_steps) == (steps, computed)


def test_each_distillation_counts_as_much_as_it_was_made_for() -> None:
    loras = {name: p.sampling.loras for name, p in PRESETS.items() if p.sampling}
    assert loras == {"fast": (Lora("lightx2v", 1),), "balanced": (Lora("fusionx", 1),), "best": ()}


def test_only_the_qualities_of_few_steps_spare_the_last() -> None:
    samplings = {name: preset.sampling for name, preset in PRESETS.items() if preset.sampling}
    spared = {name for name, sampling in samplings.items() if sampling.reuse_last}
    assert spared == {"fast", "balanced"}
    assert [sampling.computed_steps for sampling in samplings.values()] == [4, 7, 40]


@pytest.mark.parametrize("overlap", [1, 24, 45])
def test_an_overlap_off_the_grid_is_refused(overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        Preset("x", "X", EngineFamily.DRAFT, None, overlap, 1.0, 1.0)


def test_there_is_a_model_for_people_and_one_for_any_machine() -> None:
    assert [name for name, model in MODELS.items() if model.trained] == [DEFAULT_MODEL]
    assert not MODELS["multitalk-tiny"].trained
    assert all(name == model.name for name, model in MODELS.items())


def test_a_device_is_named_in_full() -> None:
    assert all(map(DEVICE_PATTERN.fullmatch, ("cpu", "cuda", "cuda:0", "cuda:12")))
    assert not any(map(DEVICE_PATTERN.fullmatch, ("", "gpu", "cuda:", "cuda:x", "CPU", "cuda:1\n")))


def test_attention_is_compiled_for_the_cards_asked_for_and_no_others() -> None:
    assert select_attention_kernels(["A10", "L4", "L40S", "A100-40GB", "A100-80GB"]) == [80]
    assert select_attention_kernels(["H100!", "A100-80GB", "H200"]) == [80, 90]
    assert select_attention_kernels(GPUS) == [80, 90, 100, 120]
    assert select_attention_kernels(["T4"]) == []
