"""LoRA cases of the self-test, of several files, against plain arithmetic."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.diagnostics.verify import __main__ as verify
from inference.diagnostics.verify.cases import CASE_FILE, Case, Target, find_cases
from tests.support.media import ROOT
from tests.support.tiny_networks import CPU, random

Q, NORM, HEAD = "blocks.0.self_attn.q", "blocks.1.norm3", "head.modulation"
PATCH, FFN = "patch_embedding", "blocks.2.ffn.2"
FIRST = {
    f"diffusion_model.{Q}.lora_down.weight": random(1, 4, 96),
    f"diffusion_model.{Q}.lora_up.weight": random(2, 96, 4),
    f"diffusion_model.{Q}.alpha": torch.tensor(2.0),  # that and diff_m don't count
    f"diffusion_model.{Q}.diff_b": random(3, 96),
    f"diffusion_model.{NORM}.diff": random(4, 96),
    f"diffusion_model.{NORM}.diff_b": random(5, 96),
    f"diffusion_model.{HEAD}.diff": random(6, 1, 2, 96),
    f"diffusion_model.{PATCH}.diff": random(7, 96, 36, 1, 2, 2),
    "diffusion_model.blocks.1.diff_m": random(8, 1, 6, 96),
    f"diffusion_model.{FFN}.lora_down.weight": random(9, 2, 192),
    f"diffusion_model.{FFN}.lora_up.weight": torch.zeros(96, 2),  # changes nothing
}
SECOND = {
    f"{Q}.lora_A.weight": random(11, 6, 96),
    f"{Q}.lora_B.weight": random(12, 96, 6),
    f"{Q}.diff": random(13, 96, 96),
    f"{Q}.diff_b": random(14, 96),
    f"{NORM}.diff": random(15, 96),
    f"{HEAD}.diff": random(16, 1, 2, 96),
    f"{PATCH}.diff": random(17, 96, 16, 1, 2, 2),  # of a model with fewer channels: passed over
    f"{PATCH}.diff_b": random(18, 96),
}


def added(a: float, b: float) -> dict[str, Tensor]:
    """What the two add to each parameter at these strengths."""

    def first(key: str) -> Tensor:
        return a * FIRST[f"diffusion_model.{key}"]

    up, down = first(f"{Q}.lora_up.weight"), FIRST[f"diffusion_model.{Q}.lora_down.weight"]
    product = b * SECOND[f"{Q}.lora_B.weight"] @ SECOND[f"{Q}.lora_A.weight"]
    return {
        f"{Q}.weight": up @ down + product + b * SECOND[f"{Q}.diff"],
        f"{Q}.bias": first(f"{Q}.diff_b") + b * SECOND[f"{Q}.diff_b"],
        f"{NORM}.weight": first(f"{NORM}.diff") + b * SECOND[f"{NORM}.diff"],
        f"{NORM}.bias": first(f"{NORM}.diff_b"),
        HEAD: first(f"{HEAD}.diff") + b * SECOND[f"{HEAD}.diff"],
        f"{PATCH}.weight": first(f"{PATCH}.diff"),
        f"{PATCH}.bias": b * SECOND[f"{PATCH}.diff_b"],
    }


@pytest.mark.parametrize(("a", "b"), [(0.8, 1.2), (1.0, -0.5)])
def test_two_files_on_top_of_each_other(tmp_path: Path, a: float, b: float) -> None:
    shutil.copytree(ROOT / "tests/reference/lora/down_up_diff", tmp_path, dirs_exist_ok=True)
    loras = [{"file": "a.safetensors", "scale": a}, {"file": "b.safetensors", "scale": b}]
    for entry, tensors in zip(loras, (FIRST, SECOND), strict=True):
        save_file(tensors, tmp_path / str(entry["file"]))
    values = json.loads((tmp_path / CASE_FILE).read_text()) | {"options": {"loras": loras}}
    (tmp_path / CASE_FILE).write_text(json.dumps(values))
    base = Case(tmp_path, values).load_weights(Target(CPU, torch.float32))
    wanted = {f"out.{name}": base[name] + tensor for name, tensor in added(a, b).items()}
    save_file(wanted, tmp_path / "expected.safetensors")
    ((name, case),) = find_cases(tmp_path)
    assert verify.check_case(name, case, CPU, torch.float32)
