"""Differences are measured as the reference cases define them; a misfit is infinitely far."""

import math
from typing import Any

import pytest
import torch

from inference.diagnostics.verify.compare import measure_difference

ONES = torch.ones(4)


@pytest.mark.parametrize(
    "same",
    [
        ONES,
        torch.zeros(3),
        {"a": ONES, "b": {"c": [1, 2.5, "x", True]}},
        [],
        [False, True],
        0.0,
        7,
        "text",
        None,
    ],
)
def test_what_is_the_same_differs_by_nothing(same: Any) -> None:
    assert measure_difference(same, same) == (0.0, 0.0)


def test_a_tensor_s_error_is_that_of_its_norm() -> None:
    expected = torch.tensor([3.0, 4.0])
    computed = expected + torch.tensor([0.3, -0.4])
    assert measure_difference(computed, expected) == pytest.approx((0.1, 0.4), rel=1e-6)


def test_errors_are_found_in_float64() -> None:
    expected = torch.full((1 << 12,), 1e25)  # its square is beyond float32
    assert measure_difference(expected * 2, expected).relative == pytest.approx(1)


def test_other_dtypes_are_compared_by_value() -> None:
    assert measure_difference(ONES.bfloat16(), ONES) == (0.0, 0.0)


def test_the_worst_of_several_counts() -> None:
    expected = {"small": ONES * 0.1, "large": ONES * 100}
    computed = {"small": ONES * 0.11, "large": ONES * 101}
    found = measure_difference(computed, expected)
    assert found.relative == pytest.approx(0.1, rel=1e-5) and found.largest == pytest.approx(1)
    assert measure_difference([1.0, 2.0, 3.0], [1.0, 2.5, 3.0]) == pytest.approx((0.2, 0.5))


def test_a_number_s_error_is_relative_but_where_0_is_expected() -> None:
    assert measure_difference(1000.5, 1000.0) == pytest.approx((0.0005, 0.5))
    assert measure_difference(-0.25, 0.0) == (0.25, 0.25)
    assert measure_difference(1000, 1000.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("computed", "expected"),
    [
        (ONES[:3], ONES),
        (ONES.view(2, 2), ONES),
        (ONES.unsqueeze(0), ONES),
        (torch.tensor([1, 1, 1, math.nan]), ONES),
        (torch.tensor([1, 1, math.inf, 1]), ONES),
        (torch.tensor([1, 1, 1, math.nan]), torch.tensor([1, 1, 1, math.nan])),
        ([1.0, 1.0, 1.0, 1.0], ONES),
        ({"a": ONES}, {"a": ONES, "b": ONES}),
        ({"a": ONES, "b": ONES}, {"a": ONES}),
        ({"b": ONES}, {"a": ONES}),
        ([], {"a": 1}),
        ([1, 2], [1, 2, 3]),
        ([1, 2, 3], [1, 2]),
        (5.0, [5.0]),
        (math.nan, 1.0),
        (math.inf, 1.0),
        (8, 7),
        (True, 1),
        (1, True),
        (False, True),
        (7.0, 7),
        ("a", "b"),
        (None, "a"),
    ],
)
def test_what_does_not_fit_is_infinitely_far(computed: Any, expected: Any) -> None:
    assert measure_difference(computed, expected) == (math.inf, math.inf)


def test_something_where_all_is_zero_is_infinitely_far() -> None:
    found = measure_difference(torch.tensor([0.0, 1e-9]), torch.zeros(2))
    assert found.relative == math.inf and found.largest == pytest.approx(1e-9)


def test_an_expected_nan_is_not_lost_among_others() -> None:
    expected = {"a": ONES, "b": torch.tensor([math.nan])}
    assert measure_difference({"a": ONES, "b": torch.zeros(1)}, expected).relative == math.inf
