"""The GPUs that Modal lends, by its names: memory and price, from its price list of July 2026, and
compute capability, from NVIDIA's list.

T4, L4 and A10 are in the list of valid names, but their prices were not in what we could read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_H100_DOLLARS_PER_HOUR = 3.95


@dataclass(frozen=True)
class Gpu:
    """`memory_gb` of it as the card is sold; dollars an hour, None where we know no price;
    `capability` to compute, ten times NVIDIA's number."""

    name: str
    memory_gb: int
    dollars_per_hour: float | None
    capability: int


GPUS: dict[str, Gpu] = {
    gpu.name: gpu
    for gpu in (
        Gpu("T4", 16, None, 75),
        Gpu("L4", 24, None, 89),
        Gpu("A10", 24, None, 86),
        Gpu("L40S", 48, 1.95, 89),
        Gpu("A100-40GB", 40, 2.10, 80),
        Gpu("A100-80GB", 80, 2.50, 80),
        Gpu("RTX-PRO-6000", 96, None, 120),
        Gpu("H100", 80, _H100_DOLLARS_PER_HOUR, 90),
        Gpu("H200", 141, 4.54, 90),
        Gpu("B200", 180, 6.25, 100),
    )
}
DEFAULT_GPUS = ("H100", "A100-80GB")  # taken in this order, as they are free
_ATTENTION = (80, 90, 100, 120)  # capabilities that flash-attn 2 has kernels for


def find_gpu(requested: str) -> Gpu | None:
    """The GPU that a name asks for, as Modal writes it: "H100!" is one that is not upgraded to a
    better one. None when there is none of that name."""
    return GPUS.get(requested.removesuffix("!"))


def price(requested: Iterable[str]) -> float:
    """Dollars an hour of the first GPU asked for whose price we know; of an H100 when of none."""
    wanted = filter(None, map(find_gpu, requested))
    known = (gpu.dollars_per_hour for gpu in wanted if gpu.dollars_per_hour is not None)
    return next(known, _H100_DOLLARS_PER_HOUR)


def attention_kernels(requested: Iterable[str]) -> list[int]:
    """The capabilities that flash-attn's kernels are compiled for, so that every GPU asked for has
    them; one older than all of these has none. Kernels of 8.0 serve 8.6 and 8.9, too."""
    wanted = {gpu.capability // 10 for gpu in filter(None, map(find_gpu, requested))}
    return [kernels for kernels in _ATTENTION if kernels // 10 in wanted]
