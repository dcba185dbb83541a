"""What a window hands on to the next, in a file: a job that was ended goes on from it."""

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from inference.core.task import Task, segment_name, state_name
from inference.multitalk.models.attention import Kernel
from inference.multitalk.pipeline import WindowState

_MOTION, _GENERATOR = "motion", "generator"
_KERNEL = "attention"


def save(task: Task, index: int, carried: WindowState, kernel: Kernel) -> None:
    """Write what window `index`, made with `kernel`, hands on, under its name once it is complete.
    Raises OSError."""
    assert carried.motion is not None
    target = task.prepare_path(state_name(index))
    part = target.with_suffix(".part")
    tensors = {_MOTION: carried.motion.cpu(), _GENERATOR: carried.generator.get_state()}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, part, {_KERNEL: kernel.value})
    os.replace(part, target)


def load(task: Task, index: int, device: torch.device) -> WindowState:
    """What window `index` handed on, exactly."""
    tensors = load_file(task.folder / state_name(index))
    generator = torch.Generator()
    generator.set_state(tensors[_GENERATOR])
    return WindowState(generator, tensors[_MOTION].to(device))


def read_kernel(task: Task, index: int) -> str | None:
    """The kernel that window `index` was made with; None where its file is too old to say."""
    with safe_open(task.folder / state_name(index), framework="pt") as file:
        name: str | None = (file.metadata() or {}).get(_KERNEL)
        return name


def delete_before(task: Task, before: int) -> None:
    """Delete what windows handed on that are older than number `before`."""
    for index in range(before):
        (task.folder / state_name(index)).unlink(missing_ok=True)


def delete_orphaned_segments(task: Task) -> None:
    """Delete segments that nothing can follow, because a file before them is gone or torn."""
    count = len(task.plan.windows)
    finished = next((n for n in range(count) if not _segment_path(task, n).exists()), count)
    if 0 < finished < count and not _is_readable(task.folder / state_name(finished - 1)):
        finished = 0
    for index in reversed(range(finished, count)):  # so that an end in the middle leaves no gap
        _segment_path(task, index).unlink(missing_ok=True)
    if finished == count:
        delete_before(task, count)


def _is_readable(state: Path) -> bool:
    """Whether the whole file is there: a machine that goes down may leave half of one."""
    try:
        with safe_open(state, framework="pt"):
            return True
    except (SafetensorError, OSError):
        return False


def _segment_path(task: Task, index: int) -> Path:
    return task.folder / segment_name(index)
