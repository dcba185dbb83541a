"""Difference between computed and expected values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor


class Difference(NamedTuple):
    """Largest relative error (of whole tensors or single numbers) and largest absolute error.

    Infinite if names, shapes, types or exact values differ, or a number is not finite.
    """

    relative: float
    largest: float


_NONE = Difference(0.0, 0.0)
_MISFIT = Difference(math.inf, math.inf)


def measure_difference(computed: Any, expected: Any) -> Difference:
    """Measure the difference of tensors, numbers, strings, or lists and mappings of these."""
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
    actual, wanted = computed.cpu().double(), expected.double()
    if not (actual.isfinite() & wanted.isfinite()).all():
        return _MISFIT
    error, norm = actual - wanted, float(wanted.norm())
    if not error.any():
        return _NONE
    return Difference(float(error.norm()) / norm if norm else math.inf, float(error.abs().max()))


def _find_worst(differences: Any) -> Difference:
    all_differences = list(differences) or [_NONE]
    return Difference(
        max(d.relative for d in all_differences), max(d.largest for d in all_differences)
    )
