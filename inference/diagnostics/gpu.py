"""Findings about GPUs and attention as plain data, and the checks made of them.

The machine itself is queried in `inference.diagnostics.probe`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.diagnostics.check import Check
from inference.multitalk.runtime.placement import round_down_gb

_GPU_TYPE_ADVICE = "On Modal, PORTRAIT_GPU names the type at deploy"
_MAX_LINE_LENGTH = 200  # characters


@dataclass(frozen=True)
class GpuInfo:
    """Current state of a GPU: CUDA's compute capability, memory, native bfloat16."""

    name: str
    capability: tuple[int, int]
    free_bytes: int
    total_bytes: int
    bfloat16: bool


@dataclass(frozen=True)
class GpuReport:
    """GPUs that torch can use, or its message why there are none, and versions.

    `torch_cuda` is the CUDA that torch is built for, `driver_cuda` the newest that the driver
    supports; None if missing.
    """

    gpus: tuple[GpuInfo, ...]
    failure: str
    torch_cuda: str | None
    driver: str | None
    driver_cuda: str | None


@dataclass(frozen=True)
class Accuracy:
    """Largest error of an attention in a dtype, and the largest allowed."""

    numbers: str
    error: float
    allowed: float

    @property
    def ok(self) -> bool:
        return self.error <= self.allowed  # false for NaN


@dataclass(frozen=True)
class AttentionResult:
    """Measured accuracy of an attention kernel on a device."""

    kernel: str
    device: str
    accuracies: tuple[Accuracy, ...]


def check_gpus(gpus: GpuReport, needed: bool) -> list[Check]:
    """Return the checks of the GPUs; those of a single GPU are left out without one."""
    if not gpus.gpus:
        because = f" (torch: {gpus.failure})" if gpus.failure else ""
        found = (
            f"No NVIDIA GPU is seen in this container{because}. Give it one. {_GPU_TYPE_ADVICE}."
        )
        return [Check("gpu", False, found, needed), _check_cuda(gpus, needed)]
    names = [f"{gpu.name}, compute capability {_format_capability(gpu)}" for gpu in gpus.gpus]
    memory = [
        f"{round_down_gb(gpu.free_bytes)} of {round_down_gb(gpu.total_bytes)} GB free"
        for gpu in gpus.gpus
    ]
    return [
        Check("gpu", True, f"torch sees {_format_numbered(names)}", needed),
        _check_cuda(gpus, needed),
        Check("gpu memory", True, _format_numbered(memory), needed),
        _check_bfloat16(gpus.gpus),
    ]


def check_attention(name: str, attention: AttentionResult, needed: bool) -> Check:
    """Check the accuracy of an attention."""
    ok = bool(attention.accuracies) and all(one.ok for one in attention.accuracies)
    errors = ", ".join(
        f"{one.error:.5f} in {one.numbers} ({one.allowed:.5f} allowed)"
        for one in attention.accuracies
    )
    found = f"{attention.kernel} on {attention.device} is off by at most {errors}"
    if not ok:
        found += ". Its numbers are wrong: build the image anew, or take another type of GPU."
    return Check(name, ok, found, needed)


def _check_cuda(gpus: GpuReport, needed: bool) -> Check:
    """Check that the driver supports torch's CUDA.

    A driver supports all minor versions of its major version (NVIDIA, CUDA minor version
    compatibility).
    """
    driver = f"driver {gpus.driver or 'of unknown version'}"
    driver += f", which knows CUDA {gpus.driver_cuda}" if gpus.driver_cuda else ""
    if gpus.torch_cuda is None:
        found = "This torch is built without CUDA. Build the image with a torch that has it."
        return Check("cuda", False, found, needed)
    built = f"torch is built for CUDA {gpus.torch_cuda}"
    if gpus.driver is None and gpus.driver_cuda is None and not gpus.gpus:
        found = f"{built}; no NVIDIA driver is found. Start the container on a machine with a GPU."
        return Check("cuda", False, found, needed)
    if gpus.driver_cuda and _parse_major(gpus.driver_cuda) < _parse_major(gpus.torch_cuda):
        found = f"{built}; {driver}. Build the image with a torch for that, or take a newer driver."
        return Check("cuda", False, found, needed)
    return Check("cuda", True, f"{built}; {driver}", needed)


def _check_bfloat16(gpus: Sequence[GpuInfo]) -> Check:
    without = [gpu.name for gpu in gpus if not gpu.bfloat16]
    found = "computed by the GPU itself"
    if without:
        names = " and ".join(dict.fromkeys(without))
        found = (
            f"{names} can't compute in it; float16 is used. "
            f"{_GPU_TYPE_ADVICE}: A10 and later have it."
        )
    return Check("bfloat16", not without, found, needed=False)


def first_line(text: str) -> str:
    """Return the first line that is not blank, shortened for printing."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= _MAX_LINE_LENGTH else f"{line[:_MAX_LINE_LENGTH]}..."


def _format_capability(gpu: GpuInfo) -> str:
    return ".".join(map(str, gpu.capability))


def _format_numbered(texts: Sequence[str]) -> str:
    """Return a single text, or several joined with their numbers."""
    if len(texts) == 1:
        return texts[0]
    return "; ".join(f"{number}: {one}" for number, one in enumerate(texts))


def _parse_major(version: str) -> int:
    return int(version.partition(".")[0])
