"""What is known of a machine's GPUs and of its attention, as plain data, and what to say of it.

Nothing is asked of the machine here; see `inference.diagnostics.probe`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.diagnostics.check import Check
from inference.multitalk.runtime.placement import round_down_gb

_GPU_TYPE_ADVICE = "On Modal, PORTRAIT_GPU names the type at deploy"
_MAX_LINE_LENGTH = 200  # letters of a line


@dataclass(frozen=True)
class GpuInfo:
    """A GPU as it is now; `capability` is CUDA's; `bfloat16`: it computes in it by itself."""

    name: str
    capability: tuple[int, int]
    free_bytes: int
    total_bytes: int
    bfloat16: bool


@dataclass(frozen=True)
class GpuReport:
    """The GPUs that torch can use, or in its words why there are none; the versions of CUDA that
    torch is built for and that the driver knows, and of the driver. None: there is none."""

    gpus: tuple[GpuInfo, ...]
    failure: str
    torch_cuda: str | None
    driver: str | None
    driver_cuda: str | None


@dataclass(frozen=True)
class Accuracy:
    """The largest error of an attention in these numbers, and the largest that is allowed."""

    numbers: str
    error: float
    allowed: float

    @property
    def ok(self) -> bool:
        return self.error <= self.allowed  # never so of what is not a number


@dataclass(frozen=True)
class AttentionResult:
    """An attention as it was tried: what computes it, where, and how well."""

    kernel: str
    device: str
    accuracies: tuple[Accuracy, ...]


def check_gpus(gpus: GpuReport, needed: bool) -> list[Check]:
    """Of the GPUs themselves; what can only be said of one is left out where there is none."""
    if not gpus.gpus:
        because = f" (torch: {gpus.failure})" if gpus.failure else ""
        found = (
            f"No NVIDIA GPU is seen in this container{because}. Give it one. {_GPU_TYPE_ADVICE}."
        )
        return [Check("gpu", False, found, needed), _check_cuda(gpus, needed)]
    names = [f"{card.name}, compute capability {_format_capability(card)}" for card in gpus.gpus]
    memory = [
        f"{round_down_gb(card.free_bytes)} of {round_down_gb(card.total_bytes)} GB free"
        for card in gpus.gpus
    ]
    return [
        Check("gpu", True, f"torch sees {_format_numbered(names)}", needed),
        _check_cuda(gpus, needed),
        Check("gpu memory", True, _format_numbered(memory), needed),
        _check_bfloat16(gpus.gpus),
    ]


def check_attention(name: str, attention: AttentionResult, needed: bool) -> Check:
    """Whether an attention computes what it should."""
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
    """Whether driver and torch speak the same CUDA. A driver runs what is built for any minor
    version of the major one that it knows (NVIDIA, CUDA compatibility, minor versions)."""
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


def _check_bfloat16(seen: Sequence[GpuInfo]) -> Check:
    without = [card.name for card in seen if not card.bfloat16]
    found = "computed by the GPU itself"
    if without:
        names = " and ".join(dict.fromkeys(without))
        found = (
            f"{names} can't compute in it; float16 is used. "
            f"{_GPU_TYPE_ADVICE}: A10 and later have it."
        )
    return Check("bfloat16", not without, found, needed=False)


def first_line(text: str) -> str:
    """The first line that says anything of what a library says, not too long to print."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= _MAX_LINE_LENGTH else f"{line[:_MAX_LINE_LENGTH]}..."


def _format_capability(card: GpuInfo) -> str:
    return ".".join(map(str, card.capability))


def _format_numbered(words: Sequence[str]) -> str:
    """One GPU's, or several GPUs' with their numbers."""
    if len(words) == 1:
        return words[0]
    return "; ".join(f"{number}: {one}" for number, one in enumerate(words))


def _parse_major(version: str) -> int:
    return int(version.partition(".")[0])
