"""A case's tensors come out of the formula bit for bit, and its files are read as they stand."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from inference.diagnostics.verify.cases import CASE_FILE, Case, Target, find_cases

CPU = Target(torch.device("cpu"), torch.float32)
# The README of the reference cases gives these values of the formula.
X0, V1_X1, Q7 = -0.40284180641174316, 0.630254864692688, 0.7556791305541992


def made(folder: Path, shapes: dict[str, list[int]], **source: Any) -> Case:
    """A case whose weights have `shapes`."""
    (folder / "shapes.json").write_text(json.dumps(shapes))
    weights = {"formula": "splitmix64", "shapes": "shapes.json", "prefix": "A."} | source
    return Case(folder, {"weights": weights})


def inputs(folder: Path, **source: Any) -> dict[str, torch.Tensor]:
    case = Case(folder, {"inputs": {"formula": "splitmix64", "salt": ""} | source})
    return case.load_inputs(CPU.device)


def test_inputs_have_the_published_values(tmp_path: Path) -> None:
    salted = inputs(tmp_path, salt="v1.", tensors={"x": [2, 3]})["x"]
    assert salted.dtype is torch.float32 and salted.shape == (2, 3)
    assert salted[0, 1].item() == pytest.approx(1.0916334390640259, rel=1e-7)
    assert salted[0, 1].item() == pytest.approx(math.sqrt(3) * V1_X1, rel=1e-7)
    scaled = inputs(tmp_path, tensors={"x": [1], "y": [1]}, scale={"x": 1.0})
    assert scaled["x"].item() == X0


def test_weights_have_the_published_values(tmp_path: Path) -> None:
    shapes = {
        "blocks.0.self_attn.q.weight": [96, 96],
        "blocks.0.norm3.weight": [96],
        "blocks.0.modulation": [1, 6, 96],
    }
    weights = made(tmp_path, shapes).load_weights(CPU)
    assert {name: list(tensor.shape) for name, tensor in weights.items()} == shapes
    assert weights["blocks.0.self_attn.q.weight"][0, 7].item() == pytest.approx(0.13358646631240845)
    assert weights["blocks.0.self_attn.q.weight"][0, 7].item() == pytest.approx(
        Q7 * math.sqrt(3 / 96), rel=1e-7
    )
    assert weights["blocks.0.norm3.weight"][0].item() == pytest.approx(1.0672404766082764)
    assert weights["blocks.0.modulation"][0, 0, 0].item() == pytest.approx(0.05168934911489487)


@pytest.mark.parametrize(
    ("name", "shape", "middle", "reach"),
    [
        ("a.gamma", [500, 1, 1], 1.0, 0.2),
        ("a.parametrizations.weight.original0", [1, 1, 500], 1.0, 0.2),
        ("norm.weight", [500], 1.0, 0.2),
        ("a.bias", [500], 0.0, 0.1),
        ("class_embedding", [500], 0.0, 0.1),
        ("a.modulation", [1, 500], 0.0, 0.3),
        ("conv.weight", [100, 3, 2, 2], 0.0, 0.5),  # fan-in 12
    ],
)
def test_each_sort_of_weight_has_its_size(
    name: str, shape: list[int], middle: float, reach: float, tmp_path: Path
) -> None:
    tensor = made(tmp_path, {name: shape}).load_weights(CPU)[name]
    assert tensor.min() >= middle - reach and tensor.max() <= middle + reach
    assert tensor.max() - tensor.min() > 1.95 * reach
    assert tensor.mean().item() == pytest.approx(middle, abs=0.1 * reach)


def test_weights_of_several_networks_are_told_apart(tmp_path: Path) -> None:
    first = made(tmp_path, {"a.bias": [4]}).values["weights"]
    case = Case(tmp_path, {"weights": {"dit": first, "vae": first | {"prefix": "B."}}})
    dit, vae = (case.load_weights(CPU, part)["a.bias"] for part in ("dit", "vae"))
    assert not torch.equal(dit, vae)


def test_tensors_come_from_files_and_in_the_dtype_asked_for(tmp_path: Path) -> None:
    stored = {"a": torch.tensor([1.0, 2.0 + 2**-12])}
    save_file(stored, tmp_path / "t.safetensors")
    case = Case(tmp_path, {"weights": {"file": "t.safetensors"}})
    assert torch.equal(case.load_weights(CPU)["a"], stored["a"])
    half = case.load_weights(Target(CPU.device, torch.bfloat16))["a"]
    assert half.dtype is torch.bfloat16 and half.tolist() == [1.0, 2.0]
    case = Case(tmp_path, {"inputs": {"file": "t.safetensors"}})
    assert torch.equal(case.load_inputs(CPU.device)["a"], stored["a"])


def test_a_picture_is_read_as_rgb(tmp_path: Path) -> None:
    Image.new("RGBA", (5, 3), (10, 20, 30, 255)).save(tmp_path / "image.png")
    image = Case(tmp_path, {"inputs": {"image": "image.png"}}).load_image()
    assert (image.mode, image.size, image.getpixel((4, 2))) == ("RGB", (5, 3), (10, 20, 30))


def test_intermediate_values_are_not_expected(tmp_path: Path) -> None:
    names = ("out", "out.more", "mid.x", "output")
    save_file({n: torch.zeros(1) for n in names}, tmp_path / "expected.safetensors")
    assert set(Case(tmp_path, {}).load_expected()) == {"out", "out.more"}


def test_cases_are_found_at_any_depth_in_order(tmp_path: Path) -> None:
    for name in ("b/two", "b/one", "a"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / CASE_FILE).write_text(json.dumps({"kind": name}))
    assert [(n, case.kind) for n, case in find_cases(tmp_path)] == [
        (name, name) for name in ("a", "b/one", "b/two")
    ]
    assert [name for name, _ in find_cases(tmp_path / "b" / "one")] == ["one"]


def test_a_tolerance_goes_with_its_numbers() -> None:
    both = Case(Path(), {"tolerance": 1e-5, "tolerance_bfloat16": 0.03})
    assert both.select_dtype(torch.float32) == (torch.float32, 1e-5)
    assert both.select_dtype(torch.bfloat16) == (torch.bfloat16, 0.03)
    for values in ({"tolerance": 1e-5}, {"tolerance": 1e-5, "tolerance_bfloat16": None}):
        assert Case(Path(), values).select_dtype(torch.bfloat16) == (torch.float32, 1e-5)
