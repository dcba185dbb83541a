"""The fastest kernel is taken, if it computes the same; what a window was made with stays with it.

No GPU need be here: how long kernels take is told, and what they compute.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from inference.multitalk.models import attention
from inference.multitalk.models.attention import Kernel, attend, use_kernel
from inference.multitalk.models.registry import MODELS
from inference.multitalk.runtime import kernels
from inference.multitalk.runtime.kernels import (
    KernelChoice,
    build_calls,
    choose_kernel,
    select_fastest,
)
from tests.support.tiny_networks import CPU, MODEL

FLASH, CUDNN, TORCH = Kernel
PARAMS = MODELS[MODEL].transformer
CALLS = build_calls(PARAMS, 3, 8, CPU, torch.bfloat16)


class Stopwatch:
    """Tells how long each kernel takes; one that is not there raises."""

    def __init__(self, **milliseconds: float) -> None:
        self._milliseconds = milliseconds

    def __call__(self, work: Callable[[], object]) -> float:
        work()
        kernel = attention._active_kernel.get()
        assert kernel is not None
        return self._milliseconds[kernel.name]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> dict[Kernel, Callable[[Tensor], Tensor]]:
    """What becomes of the result of a kernel; all are torch's own on the CPU."""
    changes: dict[Kernel, Callable[[Tensor], Tensor]] = {}

    def changed(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        kernel = attention._active_kernel.get() or TORCH
        with use_kernel(TORCH):
            found = attend(q, k, v)
        return changes[kernel](found) if kernel in changes else found

    monkeypatch.setattr(kernels, "attend", changed)
    return changes


def insert(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]) -> None:
    """A card of that compute capability, for what asks torch about it."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "device", nullcontext)


def lacks(_: Tensor) -> Tensor:
    raise RuntimeError("cuDNN Frontend error: No execution plans support the graph.")


@pytest.mark.parametrize(
    ("flash", "cudnn", "own", "taken"),
    [(52, 41, 55, CUDNN), (41, 52, 55, FLASH), (52, 51, 55, FLASH), (52, 60, 41, TORCH)],
)
def test_another_kernel_than_the_first_has_to_be_clearly_faster(
    flash: float, cudnn: float, own: float, taken: Kernel, played: object
) -> None:
    choice = select_fastest([*Kernel], CALLS, Stopwatch(FLASH=flash, CUDNN=cudnn, TORCH=own))
    assert choice == KernelChoice(taken, {FLASH: flash, CUDNN: cudnn, TORCH: own})


@pytest.mark.parametrize(
    "fault",
    [
        lacks,
        lambda x: 1.02 * x,
        lambda x: torch.cat([x[:, :-1], 2 * x[:, -1:]], 1),
        lambda x: torch.nan * x,
    ],
)
def test_a_kernel_that_raises_or_computes_something_else_is_not_there(
    fault: Callable[[Tensor], Tensor], played: dict[Kernel, Callable[[Tensor], Tensor]]
) -> None:
    times = Stopwatch(FLASH=52, CUDNN=1, TORCH=55)
    played[CUDNN] = fault
    assert select_fastest([*Kernel], CALLS, times) == KernelChoice(FLASH, {FLASH: 52, TORCH: 55})
    played[FLASH] = fault  # the usual one may be the one that is broken
    assert select_fastest([*Kernel], CALLS, times) == KernelChoice(TORCH, {TORCH: 55})
    played[TORCH] = lacks
    assert select_fastest([*Kernel], CALLS, times) == KernelChoice(FLASH)


def test_rounding_as_another_kernel_does_is_no_fault(
    played: dict[Kernel, Callable[[Tensor], Tensor]],
) -> None:
    played[CUDNN] = lambda x: (1 + 2**-8) * x
    assert select_fastest([TORCH, CUDNN], CALLS, Stopwatch(CUDNN=1, TORCH=9)).kernel is CUDNN


def test_a_cpu_has_no_cudnn() -> None:
    choice = select_fastest([TORCH, CUDNN], CALLS, Stopwatch(CUDNN=1, TORCH=9))
    assert choice == KernelChoice(TORCH, {TORCH: 9})


def test_all_that_a_block_attends_to_is_tried_as_it_lies_in_memory() -> None:
    sizes = [(tuple(q.shape[:2]), tuple(k.shape[:2]), k.is_contiguous()) for q, k, _ in CALLS]
    whole, frames = (1, 24), (3, 8)
    assert sizes == [
        (whole, whole, True),
        (whole, whole, True),  # the prompt's and the picture's, cut to what there is here
        (whole, whole, True),
        (whole, (1, 8), True),
        (frames, (3, 4), False),
        (frames, (3, 8), True),
    ]
    assert all(v.is_contiguous() and v.shape == k.shape for _, k, v in CALLS)


@pytest.mark.parametrize(
    ("capability", "flash", "tried"),
    [
        ((7, 5), False, []),
        ((8, 0), True, []),
        ((9, 0), True, [FLASH, CUDNN, TORCH]),
        ((12, 0), False, [TORCH, CUDNN]),
    ],
)
def test_rivals_are_tried_where_there_are_any(
    capability: tuple[int, int], flash: bool, tried: list[Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Kernel] = []

    def listed(given: list[Kernel], *_: object) -> KernelChoice:
        asked.extend(given)
        return KernelChoice(given[0])

    monkeypatch.setattr(kernels, "can_use_flash", lambda *_: flash)
    monkeypatch.setattr(kernels, "select_fastest", listed)
    monkeypatch.setattr(kernels, "build_calls", lambda *_: CALLS)
    insert(monkeypatch, capability)
    choice = choose_kernel(MODEL, torch.device("cuda:0"), torch.bfloat16)
    assert choice.kernel is (FLASH if flash else TORCH) and asked == tried


def test_nothing_is_tried_on_a_cpu_or_in_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "build_calls", pytest.fail)
    insert(monkeypatch, (9, 0))
    assert choose_kernel(MODEL, CPU, torch.bfloat16) == KernelChoice(TORCH)
    assert choose_kernel(MODEL, torch.device("cuda"), torch.float32) == KernelChoice(TORCH)


def test_a_card_without_room_keeps_the_usual_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(kernels, "build_calls", full)
    insert(monkeypatch, (9, 0))
    assert choose_kernel(MODEL, torch.device("cuda:0"), torch.bfloat16) == KernelChoice(TORCH)


def test_the_choice_is_told_with_what_it_was_made_of(caplog: pytest.LogCaptureFixture) -> None:
    told = KernelChoice(CUDNN, {FLASH: 51.6, CUDNN: 41.2, TORCH: 55.0}).sentence
    assert told == "cuDNN (41 ms a block; flash-attn 52; torch's own 55)"
    assert KernelChoice(FLASH).sentence == "flash-attn"
    with caplog.at_level(logging.INFO, logger="inference"):
        choose_kernel(MODEL, CPU, torch.float32)
    assert caplog.messages == ["attention by torch's own"]


@pytest.mark.parametrize("kernel", Kernel)
def test_a_video_goes_on_with_its_kernel_where_that_is_here(kernel: Kernel) -> None:
    assert KernelChoice(FLASH, {FLASH: 1, CUDNN: 2, TORCH: 3}).resume_with(kernel.value) == (
        kernel,
        None,
    )
    assert KernelChoice(kernel).resume_with(None) == (kernel, None)
    assert KernelChoice(CUDNN, {FLASH: 2, CUDNN: 1}).resume_with(None) == (
        FLASH,
        None,
    )  # as before the choice


@pytest.mark.parametrize("made_by", ["cuDNN", "a kernel of later days"])
def test_else_with_this_machines_and_that_is_said(
    made_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    kernel, note = KernelChoice(FLASH).resume_with(made_by)
    assert kernel is FLASH and note is not None and "another kind of GPU" in note
    assert caplog.messages == [f"attention was by {made_by}, which is not here; flash-attn goes on"]
    assert KernelChoice(FLASH).resume_with("torch's own") == (TORCH, None)  # which any machine has


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_every_kernel_of_this_gpu_computes_the_same_in_the_models_shapes() -> None:
    choice = choose_kernel("multitalk-14b", torch.device("cuda"), torch.bfloat16)
    assert choice.kernel in choice.milliseconds or not choice.milliseconds
    calls = build_calls(PARAMS, 3, 8, torch.device("cuda"), torch.bfloat16)
    for kernel in choice.milliseconds:
        assert kernels._is_accurate(kernel, calls)
