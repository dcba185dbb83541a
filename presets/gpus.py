"""GPUs that Modal offers, by its names: memory and price, from its price list of July 2026, and
compute capability, from NVIDIA's list. `docs/modal.md` says where prices were copied from.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """GPU with its nominal memory and its compute capability, as ten times NVIDIA's number."""

    name: str
    memory_gb: int
    dollars_per_hour: float
    capability: int


GPUS: dict[str, Gpu] = {
    gpu.name: gpu
    for gpu in (
        Gpu("T4", 16, 0.59, 75),
        Gpu("L4", 24, 0.80, 89),
        Gpu("A10", 24, 1.10, 86),
        Gpu("L40S", 48, 1.95, 89),
        Gpu("A100-40GB", 40, 2.10, 80),
        Gpu("A100-80GB", 80, 2.50, 80),
        Gpu("RTX-PRO-6000", 96, 3.03, 120),
        Gpu("H100", 80, 3.95, 90),
        Gpu("H200", 141, 4.54, 90),
        Gpu("B200", 180, 6.25, 100),
    )
}
DEFAULT_GPUS = ("H100", "A100-80GB")  # in order of preference
_ATTENTION_CAPABILITIES = (80, 90, 100, 120)  # those that flash-attn 2 has kernels for


def find_gpu(requested: str) -> Gpu | None:
    """Return the GPU of a name as Modal writes it; None for an unknown name.

    "H100!" is an H100 that Modal does not upgrade to a better GPU.
    """
    return GPUS.get(requested.removesuffix("!"))


def find_hourly_price(requested: Iterable[str]) -> float:
    """Return dollars an hour of the first known GPU; of an H100 if none is known."""
    wanted = filter(None, map(find_gpu, requested))
    return next((gpu.dollars_per_hour for gpu in wanted), GPUS["H100"].dollars_per_hour)


def select_attention_kernels(requested: Iterable[str]) -> list[int]:
    """Return the capabilities to compile flash-attn's kernels for, so that every GPU has them.

    Kernels for 8.0 serve 8.6 and 8.9, too. A GPU older than all of them has none.
    """
    wanted = {gpu.capability // 10 for gpu in filter(None, map(find_gpu, requested))}
    return [kernels for kernels in _ATTENTION_CAPABILITIES if kernels // 10 in wanted]
