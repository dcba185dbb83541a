"""What LoRA files say is told by their keys and shapes alone, and what does not fit by name."""

import json
from pathlib import Path

import pytest

from weights.lora import Change, Shape, describe_unusable, parse_changes, require_lora
from weights.tensors import MismatchError

MODEL: dict[str, Shape] = {
    "blocks.0.q.weight": (5, 6),
    "blocks.0.q.bias": (5,),
    "blocks.0.rms.weight": (5,),
    "blocks.0.modulation": (1, 6, 5),
    "head.modulation": (1, 2, 5),
    "patch_embedding.weight": (5, 3, 1, 2, 2),
    "patch_embedding.bias": (5,),
}
DOWN, UP = {"blocks.0.q.lora_down.weight": (4, 6)}, {"blocks.0.q.lora_up.weight": (5, 4)}
A_B = {"blocks.0.q.lora_A.weight": (4, 6), "blocks.0.q.lora_B.weight": (5, 4)}


def test_each_parameter_has_its_keys() -> None:
    rest: dict[str, Shape] = {
        "blocks.0.q.diff": (5, 6),
        "diffusion_model.blocks.0.q.diff_b": (5,),
        "blocks.0.modulation.diff": (1, 6, 5),
        "head.modulation.diff": (1, 2, 5),
        "patch_embedding.lora_A.weight": (2, 3, 1, 2, 2),
        "patch_embedding.lora_B.weight": (5, 2, 1, 1, 1),
        "blocks.0.q.alpha": (),
        "blocks.0.diff_m": (7,),
    }
    found = parse_changes(UP | DOWN | rest, MODEL)
    assert found.by_parameter == {
        "blocks.0.q.weight": Change(
            ("blocks.0.q.lora_down.weight", "blocks.0.q.lora_up.weight"), "blocks.0.q.diff"
        ),
        "blocks.0.q.bias": Change(full="diffusion_model.blocks.0.q.diff_b"),
        "blocks.0.modulation": Change(full="blocks.0.modulation.diff"),
        "head.modulation": Change(full="head.modulation.diff"),
        "patch_embedding.weight": Change(
            ("patch_embedding.lora_A.weight", "patch_embedding.lora_B.weight")
        ),
    }
    assert found.ignored == {".alpha": 1, ".diff_m": 1} and not found.skipped


def test_a_patch_embedding_of_another_shape_is_passed_over() -> None:
    found = parse_changes(DOWN | UP | {"patch_embedding.diff": (5, 2, 1, 2, 2)}, MODEL)
    assert set(found.by_parameter) == {"blocks.0.q.weight"} and found.skipped == [
        "patch_embedding.weight"
    ]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ({"blocks.0.q.lora_mid.weight": (4, 6)}, "lora_mid.weight is not understood"),
        ({"blocks.0.q.weight": (5, 4)}, "blocks.0.q.weight is not understood"),
        ({"blocks.7.q.diff": (5, 6)}, "blocks.7.q.diff: the model has no blocks.7.q.weight"),
        ({"blocks.0.rms.diff_b": (5,)}, "blocks.0.rms.diff_b: .* no blocks.0.rms.bias"),
        ({"blocks.0.q.modulation.diff": (5,)}, "no blocks.0.q.modulation$"),
        ({"blocks.0.modulation.diff": (6, 5)}, r"\(6, 5\), .*modulation is \(1, 6, 5\)"),
        ({"blocks.0.q.diff": (6, 5)}, r"q.diff: .* \(6, 5\), .*q.weight is \(5, 6\)"),
        ({"blocks.0.q.diff_b": (1,)}, r"q.diff_b: .* \(1,\), .*q.bias is \(5,\)"),
        (DOWN | {"blocks.0.q.lora_up.weight": (7, 4)}, r"q.lora_up.weight: .* \(7, 6\)"),
        (DOWN, "q.lora_down.weight has no other"),
        ({"blocks.0.q.lora_B.weight": (5, 4)}, "q.lora_B.weight has no other"),
        (UP | {"blocks.0.q.diff": (5, 6)}, "q.lora_up.weight has no other"),
        (DOWN | {"blocks.0.q.lora_up.weight": (5, 3)}, r"\(5, 3\), .* not go with .*\(4, 6\)"),
        (DOWN | {"blocks.0.q.lora_up.weight": ()}, r"\(\), .* not go with"),
        (DOWN | UP | {"blocks.0.q.diff": (1, 6)}, r"\(1, 6\), .* is \(5, 6\)"),
        (DOWN | UP | A_B, "lora_A.weight says what .*lora_down.weight says"),
        (UP | {f"diffusion_model.{key}": shape for key, shape in UP.items()}, "says what"),
        (UP | {"blocks.0.q.lora_down.weight": (4,)}, r"the change is \(5,\)"),
    ],
)
def test_what_does_not_fit_is_named(file: dict[str, Shape], says: str) -> None:
    with pytest.raises(MismatchError, match=says):
        parse_changes(file, MODEL)


def written(path: Path, key: str, shape: Shape) -> Path:
    """A file of one tensor of 32-bit zeros."""
    size = 4 * shape[0]
    header = json.dumps({key: {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    return path


def test_a_file_is_told_by_its_header(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    require_lora(written(file, "blocks.0.q.diff_b", (5,)), MODEL)
    with pytest.raises(MismatchError, match=r"the change is \(6,\)"):
        require_lora(written(file, "blocks.0.q.diff_b", (6,)), MODEL)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(MismatchError, match="mine.safetensors is damaged"):
        require_lora(file, MODEL)


@pytest.mark.parametrize("gone", ["none", "folder"])
def test_one_that_can_not_be_read_is_told_to_whose_it_is(tmp_path: Path, gone: str) -> None:
    file = tmp_path / "mine.safetensors"
    if gone == "folder":
        file.mkdir()
    with pytest.raises(OSError) as caught:
        require_lora(file, MODEL)
    wanted = f"The LoRA {file} can't be read. Put it there, or take it out of PORTRAIT_LORAS."
    assert describe_unusable(file, caught.value) == wanted
