"""Which steps TeaCache computes, found online: call after call, with a memory for each branch."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

SizeClass = Literal["multitalk-480", "multitalk-720"]

# (size class, ret_steps) -> polynomial of the relative change, highest power first; spec section 7
POLYNOMIALS: dict[tuple[SizeClass, bool], tuple[float, ...]] = {
    ("multitalk-480", True): (2.57151496e5, -3.54229917e4, 1.40286849e3, -13.5890334, 0.132517977),
    ("multitalk-720", True): (8107.0546, 2133.93892, -372.934672, 16.6203073, -0.0417769401),
    ("multitalk-480", False): (-302.33167, 223.948934, -52.546397, 5.8734844, -0.201973289),
    ("multitalk-720", False): (-114.36346466, 65.26524496, -18.82220707, 4.91518089, -0.23412683),
}


@dataclass
class _Slot:
    """What one branch remembers from call to call."""

    previous: Tensor | None = None  # (6, dim)
    accumulated: float = 0.0


def decisions(
    e0: Tensor, size: SizeClass, threshold: float, ret_steps: bool, passes: int
) -> list[list[bool]]:
    """True where the blocks are computed: a list for each step, in it one value for each branch.

    e0: (steps, 6, dim), the time projection at every step; passes: branches of the guidance.
    ret_steps: the first 5 steps are always computed; otherwise the first and the last one.
    TeaCache, spec section 7, but with a slot for each branch at any number of passes.
    """
    steps = len(e0)
    slots = [_Slot() for _ in range(passes)]
    computed: list[list[bool]] = []
    for step in range(steps):
        forced = step < 5 if ret_steps else step in (0, steps - 1)
        row: list[bool] = []
        for slot in slots:
            row.append(_call(slot, e0[step], POLYNOMIALS[size, ret_steps], threshold, forced))
        computed.append(row)
    return computed


def _call(
    slot: _Slot,
    now: Tensor,  # (6, dim)
    polynomial: tuple[float, ...],
    threshold: float,
    forced: bool,
) -> bool:
    compute = forced
    if not forced:
        assert slot.previous is not None  # the first step is always forced
        change = float((now - slot.previous).abs().mean() / slot.previous.abs().mean())
        degree = len(polynomial) - 1
        slot.accumulated += sum(a * change ** (degree - i) for i, a in enumerate(polynomial))
        compute = slot.accumulated >= threshold
    if compute:
        slot.accumulated = 0.0
    slot.previous = now
    return compute
