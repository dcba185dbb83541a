"""Downloads that are not of this model are found by what they say, kept out of sets, and named."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support.weight_sets import Weights, downloaded, stamps
from weights.assemble import require_original
from weights.errors import WeightsError
from weights.manifest import MULTITALK_14B, VOICE_CONFIG
from weights.sets import (
    BF16,
    FP8,
    LEAN_SETS,
    ORIGINAL,
    find_missing,
    list_complete_sets,
    read_marker,
)
from weights.verify import discard_faulty, find_mismatch

LORA = "loras/lightx2v.safetensors"
UNFIT = "does not fit the model: blocks.0.ffn.0.diff_b: the change is (7,), blocks.0.ffn.0.bias is"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return downloaded(tmp_path_factory.mktemp("listing") / "weights")


@pytest.fixture
def weights(template: Weights, tmp_path: Path) -> Weights:
    """All files, downloaded and checked."""
    folder = Path(shutil.copytree(template.folder, tmp_path / "weights"))
    return replace(template, folder=folder)


@contextmanager
def replaced(weights: Weights, place: str) -> Iterator[Path]:
    """As if the hub had another file there: it is written in the block, and recorded after it."""
    path = weights.download(place)
    path.unlink()
    yield path
    weights.record(place)


def with_an_unfit_lora(weights: Weights) -> None:
    with replaced(weights, LORA) as path:
        save_file({"blocks.0.ffn.0.diff_b": torch.zeros(7)}, path)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"feat_extract_norm": "layer"}, 'feat_extract_norm is "layer", and "group" is wanted'),
        ({"do_stable_layer_norm": True}, "do_stable_layer_norm is true, and false is wanted"),
        ({"hidden_size": 1024}, "hidden_size is 1024, and 768 is wanted"),
        ({"num_attention_heads": 16}, "num_attention_heads is 16, and 12 is wanted"),
        ([1], "it is damaged"),
        ("", "it is damaged"),
    ],
)
def test_settings_of_another_voice_encoder_are_named(
    tmp_path: Path, said: object, told: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(said) if said else "{")
    fault = find_mismatch(MULTITALK_14B, VOICE_CONFIG, file)
    assert fault and fault.startswith(f"does not fit the model: {told}")


@pytest.mark.parametrize("said", [{}, dict(MULTITALK_14B.voice), {"vocab_size": 21128}])
def test_settings_that_agree_or_do_not_matter_fit(tmp_path: Path, said: object) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(said))
    assert find_mismatch(MULTITALK_14B, VOICE_CONFIG, file) is None


def test_settings_that_do_not_fit_keep_a_set_from_being_laid_out(weights: Weights) -> None:
    with replaced(weights, VOICE_CONFIG) as path:
        path.write_text('{"feat_extract_norm": "layer"}')
    with pytest.raises(WeightsError) as caught:
        weights.assemble()
    name = "TencentGameMate/chinese-wav2vec2-base/config.json does not fit the model: feat_extract"
    assert (
        str(caught.value).startswith(name)
        and find_missing(weights.set(ORIGINAL)) == "complete.json"
    )


def test_a_lora_that_does_not_fit_is_left_out_of_every_set(weights: Weights) -> None:
    for kind in ("", *LEAN_SETS):
        weights.prepare(kind) if kind else weights.assemble()
    before = stamps(weights.set(FP8), "model-*")
    with_an_unfit_lora(weights)
    assert weights.assemble() and not weights.assemble()
    assert all(weights.prepare(kind) and not weights.prepare(kind) for kind in LEAN_SETS)
    for kind in (ORIGINAL, *LEAN_SETS):
        assert [path.name for path in (weights.set(kind) / "loras").iterdir()] == [
            "fusionx.safetensors"
        ]
    assert stamps(weights.set(FP8), "model-*") == before


def test_a_lora_that_does_not_fit_is_told_of_and_takes_no_set_with_it(weights: Weights) -> None:
    with_an_unfit_lora(weights)
    weights.assemble()
    ((path, fault),) = weights.faults()
    assert weights.folder / path == weights.download(LORA) and fault.startswith(UNFIT)
    discard_faulty(weights.folder, weights.manifest, weights.folder / path)
    assert find_missing(weights.set(ORIGINAL)) is None and weights.download(LORA).exists()


@pytest.mark.parametrize("place", [LORA, VOICE_CONFIG])
def test_what_an_earlier_version_laid_out_is_found(weights: Weights, place: str) -> None:
    weights.assemble()
    weights.prepare(BF16)
    inside, bad = weights.set(BF16) / place, weights.folder / "bad"
    mark = json.loads((weights.set(BF16) / "complete.json").read_text())
    with_an_unfit_lora(weights)
    bad.write_bytes(weights.download(LORA).read_bytes())
    inside.unlink()
    shutil.copy(bad, inside)
    mark["sizes"][place], mark["sha256"][place] = bad.stat().st_size, None
    (weights.set(BF16) / "complete.json").write_text(json.dumps(mark))
    found = dict(weights.faults())
    assert found[inside.relative_to(weights.folder).as_posix()].startswith("does not fit the model")


def test_sets_from_before_there_were_settings_take_them_up_and_nothing_is_written(
    weights: Weights,
) -> None:
    files = tuple(file for file in weights.manifest.files if file.path_in_set != VOICE_CONFIG)
    kept = weights.download(VOICE_CONFIG).rename(weights.folder / "kept")
    before = replace(weights, manifest=replace(weights.manifest, files=files))
    (weights.folder / "lock.json").unlink()
    before.record()
    assert before.assemble() and before.prepare(BF16)
    written, mark = stamps(weights.set(BF16), "model-*"), read_marker(weights.set(BF16))
    assert weights.faults() == [] and list_complete_sets(weights.set(BF16).parent) == (
        BF16,
        ORIGINAL,
    )
    assert not weights.prepare(BF16)
    kept.rename(weights.download(VOICE_CONFIG))
    weights.record(VOICE_CONFIG)
    assert weights.assemble() and weights.prepare(BF16) and not weights.prepare(BF16)
    assert stamps(weights.set(BF16), "model-*") == written and mark
    assert (weights.set(BF16) / VOICE_CONFIG).samefile(weights.download(VOICE_CONFIG))
    assert require_original(weights.folder, weights.manifest)[1].source == mark.source
