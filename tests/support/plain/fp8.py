"""Rounding to e4m3 and to power-of-two row scales, number by number, in exact arithmetic.

Python's floats are float64, and all steps here are powers of two, so that nothing else is rounded.
"""

from fractions import Fraction
from math import copysign, frexp

LARGEST = 448.0  # 1.75 * 2^8
LEAST_NORMAL_EXPONENT = -6
MANTISSA_BITS = 3
LEAST_SCALE_EXPONENT = -100


def rounded(number: float) -> float:
    """The e4m3 number nearest to a finite one, of two the even one; at most 448 in size."""
    _, above = frexp(number)  # number < 2^above
    step = 2.0 ** (max(above - 1, LEAST_NORMAL_EXPONENT) - MANTISSA_BITS)
    size = round(abs(number) / step) * step  # python's round: halves go to the even number
    return copysign(min(size, LARGEST), number)


def scale_of(row: list[float]) -> float:
    """The least power of two by which all of the row is less than 448, not below 2^-100.

    1 for zeros.
    """
    largest = max((Fraction(abs(number)) for number in row), default=Fraction(0))
    exponent = LEAST_SCALE_EXPONENT if largest else 0
    while largest >= 448 * Fraction(2) ** exponent:
        exponent += 1
    return float(Fraction(2) ** exponent)


def quantised(row: list[float]) -> tuple[list[float], float]:
    """The row as e4m3 numbers, and what they are multiplied with."""
    scale = scale_of(row)
    return [rounded(number / scale) for number in row], scale
