"""Checkpoints: the state after each window in a file, from which a stopped job resumes."""

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


def save(task: Task, index: int, state: WindowState, kernel: Kernel) -> None:
    """Write the state after window `index`, sampled with `kernel`, atomically. Raises OSError."""
    assert state.motion is not None
    target = task.prepare_path(state_name(index))
    part = target.with_suffix(".part")
    tensors = {_MOTION: state.motion.cpu(), _GENERATOR: state.generator.get_state()}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, part, {_KERNEL: kernel.value})
    os.replace(part, target)


def load(task: Task, index: int, device: torch.device) -> WindowState:
    """Read the exact state after window `index`."""
    tensors = load_file(task.folder / state_name(index))
    generator = torch.Generator()
    generator.set_state(tensors[_GENERATOR])
    return WindowState(generator, tensors[_MOTION].to(device))


def read_kernel(task: Task, index: int) -> str | None:
    """Read the name of the kernel that sampled window `index`; None in a file of an old version."""
    with safe_open(task.folder / state_name(index), framework="pt") as file:
        name: str | None = (file.metadata() or {}).get(_KERNEL)
        return name


def delete_before(task: Task, end: int) -> None:
    """Delete the states after all windows before number `end`."""
    for index in range(end):
        (task.folder / state_name(index)).unlink(missing_ok=True)


def delete_orphaned_segments(task: Task) -> None:
    """Delete segments that cannot be continued, as a file before them is missing or damaged."""
    count = len(task.plan.windows)
    finished = next((n for n in range(count) if not _segment_path(task, n).exists()), count)
    if 0 < finished < count and not _is_readable(task.folder / state_name(finished - 1)):
        finished = 0
    for index in reversed(
        range(finished, count)
    ):  # backwards, so that an interruption leaves no gap
        _segment_path(task, index).unlink(missing_ok=True)
    if finished == count:
        delete_before(task, count)


def _is_readable(file: Path) -> bool:
    """Return whether the file is complete: a crash of the machine may truncate it."""
    try:
        with safe_open(file, framework="pt"):
            return True
    except (SafetensorError, OSError):
        return False


def _segment_path(task: Task, index: int) -> Path:
    return task.folder / segment_name(index)
