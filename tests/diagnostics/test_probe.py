"""Attention is measured against arithmetic that rounds nothing, GPUs are asked what they are.

No GPU need be here: torch and the driver are played.
"""

import ctypes
import math
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from inference.diagnostics import probe
from inference.diagnostics.gpu import GpuInfo
from inference.multitalk.models import attention
from inference.multitalk.models.attention import Kernel, attend
from inference.multitalk.runtime.kernels import KernelChoice
from tests.support.plain import layers

CPU = torch.device("cpu")
GB = 10**9


def torchs_own(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (tensor.transpose(1, 2) for tensor in (q, k, v))
    return scaled_dot_product_attention(q, k, v).transpose(1, 2)


def by_the_twin(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """In float64, by the tests' own second implementation."""
    batches = [[one.double().transpose(0, 1) for one in qkv] for qkv in zip(q, k, v, strict=True)]
    return torch.stack([layers.attend(*one) for one in batches]).view(q.shape)


WRONG: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "a scale that is 2 % too large": lambda q, k, v: torchs_own(1.02 * q, k, v),
    "no last key": lambda q, k, v: torchs_own(q, k[:, :-1], v[:, :-1]),
    "batches in another order": lambda q, k, v: torchs_own(q, k, v).flip(0),
    "not a number": lambda q, k, v: torchs_own(q, k, v) * math.nan,
    "one number wrong": lambda q, k, v: torchs_own(q, k, v).index_fill(1, torch.tensor([127]), 0.0),
    "another shape": lambda q, k, v: torchs_own(q, k, v)[:, :1],
    "half of it twice": lambda q, k, v: torchs_own(q, k, v)[:, ::2].repeat(1, 2, 1, 1),
}


@pytest.mark.parametrize("right", [attend, torchs_own, by_the_twin])
def test_attention_that_is_right_passes_with_room_to_spare(
    right: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> None:
    found = probe.measure_accuracies(right, CPU)
    assert [one.numbers for one in found] == ["bfloat16", "float16"]
    assert all(one.ok and one.error < one.allowed / 2 for one in found)


@pytest.mark.parametrize("fault", WRONG)
def test_attention_that_is_wrong_fails(fault: str) -> None:
    assert not any(one.ok for one in probe.measure_accuracies(WRONG[fault], CPU))


def test_what_is_allowed_is_near_the_numbers_own_precision() -> None:
    for one in probe.measure_accuracies(attend, CPU):
        step = torch.finfo(getattr(torch, one.numbers)).eps
        assert step < one.allowed < 4 * step


def test_the_numbers_are_the_same_each_time() -> None:
    torch.manual_seed(1)
    first = probe.measure_accuracies(attend, CPU)
    torch.manual_seed(2)
    assert probe.measure_accuracies(attend, CPU) == first


def test_what_the_model_runs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe.measure_model_attention("multitalk-tiny", "cpu")
    assert (found.kernel, found.device) == ("torch's own", "cpu")
    choice = KernelChoice(Kernel.CUDNN, {Kernel.TORCH: 55.0, Kernel.CUDNN: 41.2})
    monkeypatch.setattr(probe, "choose_kernel", lambda *_: choice)
    ran = []

    def watched(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        ran.append(attention._active_kernel.get())
        return attend(q, k, v)

    monkeypatch.setattr(probe, "attend", watched)
    found = probe.measure_model_attention("multitalk-tiny", "cpu")
    assert found.kernel == "cuDNN (41 ms a block; torch's own 55)"
    assert ran == [Kernel.CUDNN] * 2 and all(one.ok for one in found.accuracies)


def test_flash_attn_is_tried_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    with pytest.raises(ImportError):
        probe.measure_flash_attention("cpu")
    package: Any = ModuleType("flash_attn")
    package.flash_attn_func, package.__version__ = torchs_own, "2.8.3"
    monkeypatch.setitem(sys.modules, "flash_attn", package)
    found = probe.measure_flash_attention("cpu")
    assert found.kernel == "version 2.8.3" and all(one.ok for one in found.accuracies)


class Cuda:
    """Plays torch.cuda with one card, of which is told what no device need be here for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **others: Any) -> None:
        answers: dict[str, Any] = {
            "is_available": True,
            "device_count": 1,
            "mem_get_info": (79 * GB, 85 * GB),
            "memory_reserved": 0,
            "memory_allocated": 0,
            "get_device_name": "NVIDIA H100",
            "get_device_capability": (9, 0),
        }
        for name, answer in (answers | others).items():
            monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)
        monkeypatch.setattr(torch.cuda, "device", nullcontext)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", self.is_bf16_supported)

    def is_bf16_supported(self, including_emulation: bool = True) -> bool:
        return including_emulation  # a card that does it in software alone


def test_a_gpu_is_asked_what_it_is_and_has(monkeypatch: pytest.MonkeyPatch) -> None:
    Cuda(monkeypatch)
    seen = GpuInfo("NVIDIA H100", (9, 0), 79 * GB, 85 * GB, bfloat16=False)
    found = probe.find_gpus()
    assert found.gpus == (seen,) and found.failure == ""


def test_torchs_reason_for_seeing_no_gpu_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> bool:
        warnings.warn("something else", stacklevel=1)
        warnings.warn("CUDA initialization: the driver is too old\nand so on", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", refuse)
    found = probe.find_gpus()
    assert found.gpus == () and found.failure == "CUDA initialization: the driver is too old"


def driver(version: bytes, number: int, status: int = 0) -> SimpleNamespace:
    """Plays the driver's two libraries with functions that C can call."""

    of_text = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)
    of_number = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int))

    def write_version(text: int, length: int) -> int:
        ctypes.memmove(text, version + b"\0", min(length, len(version) + 1))
        return status

    def write_number(into: Any) -> int:
        into[0] = number
        return status

    return SimpleNamespace(
        nvmlInit_v2=lambda: 0,
        nvmlShutdown=lambda: 0,
        nvmlSystemGetDriverVersion=of_text(write_version),
        cuDriverGetVersion=of_number(write_number),
    )


@pytest.mark.parametrize(
    ("library", "version", "cuda"),
    [
        (None, None, None),
        (driver(b"570.86.15", 12080), "570.86.15", "12.8"),
        (driver(b"535.1", 12020), "535.1", "12.2"),
        (driver(b"580.65.06", 13000), "580.65.06", "13.0"),
        (driver(b"570.86.15", 12080, status=999), None, None),
    ],
)
def test_the_driver_tells_its_versions(
    library: Any, version: str | None, cuda: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_load_library", lambda name: library)
    assert (probe.read_driver_version(), probe.read_driver_cuda()) == (version, cuda)


def test_a_library_that_is_not_there_is_none() -> None:
    assert probe._load_library("libno-such-thing.so.1") is None
