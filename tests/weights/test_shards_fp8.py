"""Weights in 8 bits: the nearest numbers that there are, and how near these are."""

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from tests.support.plain import fp8 as plain
from weights.shards import dequantise, quantise

SIGNIFICANT = 1 / 16  # of a number, that rounding may cost: half a step of 4 significant bits
SMALL = 1 / 2**13  # of a row's largest, where that ends
MOST = 448.0 * 2.0**119  # what rows may hold so that rounding up stays a float32
FINITE = st.floats(-MOST, MOST, width=32, allow_subnormal=False)
NEAR = st.floats(-464, 464, width=32, allow_subnormal=False)
ROWS = st.lists(FINITE, min_size=1, max_size=12) | st.lists(NEAR, min_size=1, max_size=12)
# Every e4m3 number that is not negative, by its bits; the last one is not a number.
ALL = torch.arange(127, dtype=torch.uint8).view(torch.float8_e4m3fn).double()


def both(row: list[float]) -> tuple[tuple[list[float], float], tuple[list[float], float]]:
    """Ours and the plain one's: the numbers and the scale."""
    weight, scale = quantise(torch.tensor([row]))
    assert weight.dtype is torch.float8_e4m3fn and scale.dtype is torch.float32
    return (weight.double()[0].tolist(), float(scale[0])), plain.quantised(row)


def restored(rows: Tensor) -> Tensor:
    return dequantise(*quantise(rows), torch.float32).double()


def edge_values() -> list[float]:
    """All numbers of e4m3, the middles between them, and float32's next ones beside these."""
    middles = torch.cat([(ALL[1:] + ALL[:-1]) / 2, torch.tensor([447.99], dtype=torch.float64)])
    exact = torch.cat([ALL[:-1], middles]).float()
    beside = [torch.nextafter(exact, torch.tensor(end)) for end in (0.0, math.inf)]
    return torch.cat([exact, *beside]).tolist()


def test_the_plain_one_knows_exactly_e4m3_s_numbers() -> None:
    assert ALL[-1] == plain.LARGEST and len(ALL) == 127
    assert [plain.rounded(number) for number in ALL.tolist()] == ALL.tolist()
    assert plain.rounded(1e9) == 448 and plain.rounded(-449.0) == -448
    assert plain.rounded(2.0**-10) == 0 and plain.rounded(3 * 2.0**-10) == 2.0**-8  # halves: even


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("power", [-90, -3, 0, 7, 100])
def test_every_edge_is_rounded_like_the_plain_one(sign: int, power: int) -> None:
    row = [sign * math.ldexp(value, power) for value in edge_values()]
    row = [value for value in row if abs(value) < math.ldexp(448, power)]
    ours, theirs = both([*row, math.ldexp(256, power)])
    assert ours[1] == 2.0**power
    assert ours == theirs


@given(ROWS)
def test_random_rows_are_rounded_like_the_plain_one(row: list[float]) -> None:
    ours, theirs = both(row)
    assert ours == theirs


@given(ROWS)
@example([224.0, 7.5 / 512])
@example([448.0, 448 / 2**14])
def test_a_sixteenth_of_each_number_is_lost_at_most_as_the_docstring_says(row: list[float]) -> None:
    rows = torch.tensor([row])
    largest = rows.abs().double().max()
    if largest < 2.0**-90:  # where scales end
        return
    lost = (restored(rows) - rows.double()).abs()
    counted = rows.double().abs() >= largest * SMALL
    assert bool((lost <= SIGNIFICANT * rows.double().abs())[counted].all())


@given(ROWS)
def test_of_the_smallest_numbers_less_than_2_to_the_minus_17_of_the_largest_is_lost(
    row: list[float],
) -> None:
    rows = torch.tensor([row])
    lost = (restored(rows) - rows.double()).abs()
    normal = SIGNIFICANT * rows.double().abs()
    largest = rows.double().abs().max().clamp(min=2.0**-92)
    assert bool((lost <= torch.maximum(normal, largest * 2.0**-17)).all())


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_rows_know_nothing_of_each_other(rows: list[list[float]]) -> None:
    width = max(map(len, rows))
    padded = torch.tensor([row + [0.0] * (width - len(row)) for row in rows])
    weight, scale = quantise(padded)
    for index in range(len(rows)):
        alone, alone_scale = quantise(padded[index : index + 1])
        assert torch.equal(weight[index].double(), alone[0].double())
        assert scale[index] == alone_scale[0]


def test_what_8_bits_hold_is_kept_exactly() -> None:
    rows = torch.cat([-ALL.flip(0)[:-1], ALL]).float().repeat(3, 1)
    rows *= torch.tensor([2.0**-60, 1, 2.0**90]).unsqueeze(1)
    # in a row whose largest is 448 the scale is 2, and the smallest numbers lose their last bit
    held = rows.abs() >= rows.abs().amax(1, keepdim=True) * 2.0**-13
    assert torch.equal(restored(rows)[held], rows.double()[held])


def test_zeros_stay_zeros() -> None:
    weight, scale = quantise(torch.zeros(3, 5))
    assert not weight.float().any() and bool((scale > 0).all()) and bool(scale.isfinite().all())
    assert not dequantise(weight, scale, torch.bfloat16).any()


def test_a_tiny_row_beside_others_keeps_its_precision() -> None:
    rows = torch.randn(3, 64, generator=torch.Generator().manual_seed(1))
    rows[1] *= 1e-20
    error = ((restored(rows) - rows.double()).norm(dim=1) / rows.double().norm(dim=1)).tolist()
    assert max(error) < 0.04


def test_rows_under_the_least_scale_come_near_or_to_zero() -> None:
    rows = torch.full((2, 4), 1e-37)
    rows[1, 0] = torch.finfo(torch.float32).tiny
    assert bool(((restored(rows) - rows.double()).abs() <= 2.0**-110).all())


@pytest.mark.parametrize("size", [1e30, 1e37, 3e38])
def test_huge_rows_stay_finite(size: float) -> None:
    back = restored(torch.tensor([[size, -size, size / 3, 1.0]]))
    assert bool(back.isfinite().all())
    torch.testing.assert_close(
        back[0, :3], torch.tensor([size, -size, size / 3]).double(), rtol=1 / 16, atol=0
    )


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        quantise(torch.tensor([[1.0, 2.0], [number, 0.0]]))


@given(ROWS)
def test_bfloat16_holds_what_8_bits_stand_for_exactly(row: list[float]) -> None:
    weight, scale = quantise(torch.tensor([row]))
    exact = weight.double() * scale.double().unsqueeze(1)
    assert torch.equal(dequantise(weight, scale, torch.bfloat16).double(), exact)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_taken_as_it_is(dtype: torch.dtype) -> None:
    rows = torch.randn(4, 32, generator=torch.Generator().manual_seed(2)).to(dtype)
    for ours, wide in zip(quantise(rows), quantise(rows.float()), strict=True):
        assert torch.equal(ours.float(), wide.float())
