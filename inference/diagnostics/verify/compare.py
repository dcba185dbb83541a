"""How far what was computed is from what was expected."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor


class Difference(NamedTuple):
    """The largest relative error (of whole tensors, or single numbers), and the largest at all.

    Infinite where names, shapes, kinds or exact values differ, or a number is not finite.
    """

    relative: float
    largest: float


_NONE = Difference(0.0, 0.0)
_MISFIT = Difference(math.inf, math.inf)


def measure_difference(computed: Any, expected: Any) -> Difference:
    """Of tensors, numbers, strings, or lists and mappings of these."""
    if isinstance(expected, Mapping):
        if not isinstance(computed, Mapping) or set(computed) != set(expected):
            return _MISFIT
        return _find_worst(measure_difference(computed[key], expected[key]) for key in expected)
    if isinstance(expected, Tensor):
        return _compare_tensors(computed, expected)
    if isinstance(expected, str) or not isinstance(expected, Sequence | float):
        same = type(computed) is type(expected) and computed == expected
        return _NONE if same else _MISFIT
    if isinstance(expected, float):
        error = abs(computed - expected)
        relative = error / abs(expected) if expected else error
        return Difference(relative, error) if math.isfinite(error) else _MISFIT
    if not isinstance(computed, Sequence) or len(computed) != len(expected):
        return _MISFIT
    return _find_worst(measure_difference(a, b) for a, b in zip(computed, expected, strict=True))


def _compare_tensors(computed: Any, expected: Tensor) -> Difference:
    if not isinstance(computed, Tensor) or computed.shape != expected.shape:
        return _MISFIT
    made, wanted = computed.cpu().double(), expected.double()
    if not (made.isfinite() & wanted.isfinite()).all():
        return _MISFIT
    error, norm = made - wanted, float(wanted.norm())
    if not error.any():
        return _NONE
    return Difference(float(error.norm()) / norm if norm else math.inf, float(error.abs().max()))


def _find_worst(differences: Any) -> Difference:
    found = list(differences) or [_NONE]
    return Difference(max(d.relative for d in found), max(d.largest for d in found))
