"""Current state of the GPU, and placement of the model on it."""

from collections.abc import Sequence
from pathlib import Path

import psutil
import torch

from inference.core.errors import Fault, FaultCode
from inference.core.framing import MAX_FRAME_PIXELS
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


def select_device(name: str | None) -> torch.device:
    """Return the torch device of that name; None selects the GPU if there is one."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def measure_gpu(device: torch.device) -> Gpu:
    """Measure a CUDA device; memory that this process reserves but does not use counts as free."""
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    capability = torch.cuda.get_device_capability(device)
    return Gpu(torch.cuda.get_device_name(device), free + unused, capability)


def plan_placement(device: torch.device, weights: Path, loras: Sequence[Lora] = ()) -> Placement:
    """Plan the placement of a model's weights on the device, for windows of any shape.

    `loras` are the operator's own. Raises Fault when no placement fits.
    """
    files = [lora_path(weights, lora) for lora in loras]
    lora_bytes = sum(file.stat().st_size for file in files if file.is_file())
    window = estimate_window_bytes(MAX_FRAME_PIXELS, MAX_WINDOW_FRAMES)
    host = psutil.virtual_memory().available
    shapes = MULTITALK_14B.read_shapes("transformer")
    return select_placement(
        measure_gpu(device), host, list_complete_sets(weights), shapes, window, lora_bytes
    )


def require_gpu_memory(device: torch.device, pixels: int, frames: int) -> None:
    """Raise Fault when a window of that size does not fit into the free memory."""
    if device.type != "cuda":
        return
    gpu, need = measure_gpu(device), estimate_window_bytes(pixels, frames)
    if gpu.free_bytes < need:
        raise Fault(
            FaultCode.OUT_OF_MEMORY,
            f"A window needs {round_up_gb(need)} GB on the GPU, and "
            f"{round_down_gb(gpu.free_bytes)} GB of {gpu.name} are free. "
            "End what else uses it, and try again.",
        )
