"""What a card has room for is known before the first window.

No GPU need be here: torch is told of one.
"""

from pathlib import Path
from typing import Any

import pytest
import torch

from inference.core.errors import Fault, FaultCode
from inference.core.settings import Settings
from inference.diagnostics.doctor import examine
from inference.multitalk.models.attention import Kernel
from inference.multitalk.runtime.gpu import (
    measure_gpu,
    plan_placement,
    require_gpu_memory,
    select_device,
)
from inference.multitalk.runtime.kernels import KernelChoice
from inference.multitalk.runtime.placement import Gpu
from presets.schema import Lora
from weights.sets import BF16, SetMarker, write_marker

GB = 10**9
CUDA = torch.device("cuda")
LARGEST = (384 * 1088, 81)


def insert(
    monkeypatch: pytest.MonkeyPatch, free_gb: int, reserved_gb: int = 0, used_gb: int = 0
) -> None:
    """A card of the sort of an H100; of what this process reserved it uses a part."""
    answers: dict[str, Any] = {
        "is_available": True,
        "mem_get_info": (free_gb * GB, 80 * GB),
        "memory_reserved": reserved_gb * GB,
        "memory_allocated": used_gb * GB,
        "get_device_name": "NVIDIA H100",
        "get_device_capability": (9, 0),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with a complete set, as far as its mark tells."""
    folder = tmp_path / "multitalk-14b" / BF16
    folder.mkdir(parents=True)
    write_marker(folder, SetMarker("", {}, {}))
    return folder.parent


def test_memory_that_is_reserved_but_not_used_counts_as_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insert(monkeypatch, free_gb=10, reserved_gb=60, used_gb=55)
    assert measure_gpu(CUDA) == Gpu("NVIDIA H100", 15 * GB, (9, 0))


def test_the_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert select_device(None).type == "cpu"
    insert(monkeypatch, free_gb=79)
    assert select_device(None).type == "cuda" and select_device("cuda:1").index == 1


def test_a_large_card_takes_all_and_a_small_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    insert(monkeypatch, free_gb=79)
    chosen = plan_placement(CUDA, weights)
    assert (chosen.weights, chosen.resident_blocks, chosen.keep_text_encoder) == (BF16, 40, True)
    insert(monkeypatch, free_gb=9)
    with pytest.raises(Fault, match="NVIDIA H100 has 9.0 GB free") as caught:
        plan_placement(CUDA, weights)
    assert caught.value.code == FaultCode.OUT_OF_MEMORY


def test_an_operators_loras_take_their_room(
    monkeypatch: pytest.MonkeyPatch, weights: Path, tmp_path: Path
) -> None:
    insert(monkeypatch, free_gb=64)
    loras = [Lora(str(tmp_path / name)) for name in ("large", "not there")]
    assert plan_placement(CUDA, weights).keep_text_encoder
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.truncate(2 * GB)
    assert not plan_placement(CUDA, weights, loras).keep_text_encoder


def test_a_window_that_does_not_fit_is_refused_before_it_is_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insert(monkeypatch, free_gb=11)
    require_gpu_memory(CUDA, *LARGEST)
    insert(monkeypatch, free_gb=10)
    require_gpu_memory(CUDA, 896 * 448, 21)  # a short one still does
    with pytest.raises(
        Fault, match="needs 10.1 GB on the GPU, and 10.0 GB of NVIDIA H100"
    ) as caught:
        require_gpu_memory(CUDA, *LARGEST)
    assert caught.value.code == FaultCode.OUT_OF_MEMORY
    require_gpu_memory(torch.device("cpu"), *LARGEST)


@pytest.mark.parametrize(
    ("free_gb", "ok", "says"),
    [(79, True, "stays there too; attention by cuDNN"), (9, False, "9.0 GB")],
)
def test_the_doctor_tells_how_the_model_goes_on_the_card(
    monkeypatch: pytest.MonkeyPatch, weights: Path, free_gb: int, ok: bool, says: str
) -> None:
    insert(monkeypatch, free_gb)
    monkeypatch.setattr("inference.engines.multitalk.has_gpu", lambda: True)
    choices = {("multitalk-14b", CUDA, torch.bfloat16): KernelChoice(Kernel.CUDNN)}
    monkeypatch.setattr(
        "inference.multitalk.runtime.kernels.choose_kernel", lambda *given: choices[given]
    )
    monkeypatch.setenv("PORTRAIT_WEIGHTS", str(weights.parent))
    settings = Settings(data=weights.parent, weights=weights.parent)
    check = next(c for c in examine(settings) if c.name == "multitalk engine")
    assert check.ok is ok and says in check.found
