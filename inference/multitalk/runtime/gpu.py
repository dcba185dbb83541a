"""The GPU as it is now, and how the model goes on it."""

from collections.abc import Sequence
from pathlib import Path

import psutil
import torch

from inference.core.errors import Fault, FaultCode
from inference.core.options import Shape
from inference.core.timing import MAX_WINDOW_FRAMES
from inference.multitalk.runtime.placement import (
    Gpu,
    Placement,
    estimate_window_bytes,
    round_down_gb,
    round_up_gb,
    select_placement,
)
from presets.schema import Lora
from weights.manifest import MULTITALK_14B
from weights.sets import list_complete_sets, lora_path

_MAX_PIXELS = max(shape.width * shape.height for shape in Shape)


def select_device(name: str | None) -> torch.device:
    """The device as torch names it; None: the GPU where there is one."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def measure_gpu(device: torch.device) -> Gpu:
    """What torch says of a CUDA device; memory that this process holds without use is free."""
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    name, capability = (
        torch.cuda.get_device_name(device),
        torch.cuda.get_device_capability(device),
    )
    return Gpu(name, free + unused, capability)


def plan_placement(device: torch.device, weights: Path, loras: Sequence[Lora] = ()) -> Placement:
    """How the sets of weights in a model's folder go on the device, for a window of any shape, with
    an operator's own `loras` beside them. Raises Fault when they don't."""
    files = [lora_path(weights, lora) for lora in loras]
    own = sum(file.stat().st_size for file in files if file.is_file())
    window = estimate_window_bytes(_MAX_PIXELS, MAX_WINDOW_FRAMES)
    host = psutil.virtual_memory().available
    shapes = MULTITALK_14B.read_shapes("transformer")
    return select_placement(
        measure_gpu(device), host, list_complete_sets(weights), shapes, window, own
    )


def require_gpu_memory(device: torch.device, pixels: int, frames: int) -> None:
    """Raises Fault when a window of that size does not fit beside what is on the device now."""
    if device.type != "cuda":
        return
    card, need = measure_gpu(device), estimate_window_bytes(pixels, frames)
    if card.free_bytes < need:
        raise Fault(
            FaultCode.OUT_OF_MEMORY,
            f"A window needs {round_up_gb(need)} GB on the GPU, and "
            f"{round_down_gb(card.free_bytes)} GB of {card.name} are free. "
            "End what else uses it, and try again.",
        )
