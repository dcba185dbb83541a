"""The GPUs that Modal lends, by its names: memory and price, from its price list of July 2026, and
compute capability, from NVIDIA's list. `docs/modal.md` says where prices were copied from.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """`memory_gb` of it as the card is sold; `capability` to compute, ten times NVIDIA's number."""

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
DEFAULT_GPUS = ("H100", "A100-80GB")  # taken in this order, as they are free
_ATTENTION_CAPABILITIES = (80, 90, 100, 120)  # capabilities that flash-attn 2 has kernels for


def find_gpu(requested: str) -> Gpu | None:
    """The GPU that a name asks for, as Modal writes it: "H100!" is one that is not upgraded to a
    better one. None when there is none of that name."""
    return GPUS.get(requested.removesuffix("!"))


def find_hourly_price(requested: Iterable[str]) -> float:
    """Dollars an hour of the first GPU asked for that Modal has; of an H100 when of none."""
    wanted = filter(None, map(find_gpu, requested))
    return next((gpu.dollars_per_hour for gpu in wanted), GPUS["H100"].dollars_per_hour)


def select_attention_kernels(requested: Iterable[str]) -> list[int]:
    """The capabilities that flash-attn's kernels are compiled for, so that every GPU asked for has
    them; one older than all of these has none. Kernels of 8.0 serve 8.6 and 8.9, too."""
    wanted = {gpu.capability // 10 for gpu in filter(None, map(find_gpu, requested))}
    return [kernels for kernels in _ATTENTION_CAPABILITIES if kernels // 10 in wanted]
