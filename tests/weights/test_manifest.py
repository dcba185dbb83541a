"""The manifest of the real weights agrees with itself and with the presets."""

import json
import re
from collections import Counter

import pytest
from transformers import Wav2Vec2Config

from inference.multitalk.models.registry import MODELS
from presets.models import DEFAULT_MODEL
from presets.quality import PRESETS
from weights.manifest import MULTITALK_14B, HubFile
from weights.sets import NETWORKS, OTHER_PARTS

FILES = MULTITALK_14B.files
NAMES = [name for name, preset in PRESETS.items() if preset.sampling]
SAMPLINGS = [preset.sampling for preset in PRESETS.values() if preset.sampling]
LORAS = {lora.name for sampling in SAMPLINGS for lora in sampling.loras}


def test_no_two_files_are_at_one_place() -> None:
    for what in ("path_in_set", "key"):
        counted = Counter(getattr(file, what) for file in FILES)
        assert [name for name, times in counted.items() if times > 1] == []


def test_no_file_is_below_another() -> None:
    places = [file.path_in_set for file in FILES]
    assert not [(a, b) for a in places for b in places if b.startswith(f"{a}/")]


def test_every_part_of_the_model_has_files_and_no_file_is_of_another_part() -> None:
    assert {file.part for file in FILES} == {*NETWORKS, *OTHER_PARTS}


@pytest.mark.parametrize("quality", NAMES)
def test_a_quality_needs_everything_but_the_loras_of_others(quality: str) -> None:
    sampling = PRESETS[quality].sampling
    assert sampling is not None
    needed = MULTITALK_14B.select_files(quality)
    assert [file.lora for file in needed if file.lora] == [lora.name for lora in sampling.loras]
    assert [file for file in FILES if not file.lora] == [file for file in needed if not file.lora]


def test_each_lora_has_exactly_one_file_which_lies_among_the_loras() -> None:
    found = [file for file in FILES if file.lora]
    assert Counter(file.lora for file in found) == dict.fromkeys(LORAS, 1)
    assert all(file.path_in_set == f"loras/{file.lora}.safetensors" for file in found)
    assert {file.path_in_set for file in found} == {
        f.path_in_set for f in FILES if f.part == "loras"
    }


def test_revisions_are_commits_but_for_three_that_are_named() -> None:
    named = {f.repo.name: f.repo.revision for f in FILES if not _hexadecimal(f.repo.revision, 40)}
    assert named == {
        "TencentGameMate/chinese-wav2vec2-base": "refs/pr/1",
        "vrgamedevgirl84/Wan14BT2VFusioniX": "main",
        "Kijai/WanVideo_comfy": "main",
    }


def test_a_repository_has_one_revision_and_a_licence() -> None:
    repos = {file.repo for file in FILES}
    assert len({repo.name for repo in repos}) == len(repos)
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+", repo.name) and repo.licence for repo in repos)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.path_in_set))
def test_what_is_known_of_a_file_has_the_right_form(file: HubFile) -> None:
    assert file.sha256 is None or _hexadecimal(file.sha256, 64)
    assert file.size_bytes is None or file.size_bytes > 0
    assert file.name.endswith((".safetensors", ".json", ".model")), "a pickle would run code"
    for path in (file.name, file.path_in_set):
        assert not path.startswith("/") and ".." not in path.split("/")


def test_the_voices_settings_are_those_that_their_encoder_is_built_with() -> None:
    built = Wav2Vec2Config(**MODELS[DEFAULT_MODEL].audio).to_json_string(use_diff=False)
    assert json.loads(built).items() >= MULTITALK_14B.voice.items()


def test_no_two_files_have_one_hash() -> None:
    hashes = [file.sha256 for file in FILES if file.sha256]
    assert len(set(hashes)) == len(hashes) >= 7


def test_the_shapes_of_the_transformer_are_listed() -> None:
    shapes = json.loads(MULTITALK_14B.shapes.read_text())["transformer"]
    assert len(shapes) > 1000
    assert all(shape and all(size > 0 for size in shape) for shape in shapes.values())


def _hexadecimal(text: str, length: int) -> bool:
    return re.fullmatch(f"[0-9a-f]{{{length}}}", text) is not None
