"""Rotations turn neighbouring channels by the right angle, exactly enough at any position."""

import math

import pytest
import torch
from torch import Tensor

from inference.multitalk.models.rope import compute_rotation, compute_video_rotation, rotate
from tests.support.plain import layers

CPU = torch.device("cpu")


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def turns(angles: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(angles), angles)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [2, 6, 42, 128])
def test_a_rotation_is_right_to_float32(channels: int, dtype: torch.dtype) -> None:
    positions = torch.tensor([0, 1, 12, 22, 511, 5000]).to(dtype)
    found = compute_rotation(positions, channels)
    assert found.dtype is torch.complex64 and found.shape == (6, channels // 2)
    wanted = turns(layers.rotary_angles(positions, channels))
    assert float((found.to(torch.complex128) - wanted).abs().max()) < 1e-7


def test_positions_may_lie_between_whole_ones_and_in_any_shape() -> None:
    positions = torch.tensor([[0.125, 20.5], [3.75, 12.0]])
    found = compute_rotation(positions, 16)
    assert found.shape == (2, 2, 8)
    torch.testing.assert_close(found[1, 0], compute_rotation(torch.tensor(3.75), 16))
    half = compute_rotation(positions / 2, 16)
    torch.testing.assert_close(half * half, found)  # half the way twice


def test_neighbours_are_a_pair() -> None:
    quarter = torch.polar(torch.ones(2), torch.tensor([math.pi / 2, 0.0])).view(1, 1, 2)
    turned = rotate(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]), quarter)
    torch.testing.assert_close(turned, torch.tensor([[[-2.0, 1.0, 3.0, 4.0]]]))


def test_rotate_equals_the_plain_one() -> None:
    x = noise(2, 5, 3, 24)  # (b, l, n, d)
    found = rotate(x, compute_rotation(torch.arange(5), 24).unsqueeze(1))
    angles = layers.rotary_angles(torch.arange(5), 24)
    for batch in range(2):
        wanted = layers.rotate(x[batch].transpose(0, 1), angles)
        torch.testing.assert_close(found[batch].transpose(0, 1), wanted)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_of_the_bytes_are_rounded_once(dtype: torch.dtype) -> None:
    x, turn = noise(1, 5, 3, 24).to(dtype), compute_rotation(torch.arange(5), 24).unsqueeze(1)
    found = rotate(x, turn)
    assert found.dtype is dtype
    assert torch.equal(found, rotate(x.float(), turn).to(dtype))


@pytest.mark.parametrize("head_size", [16, 20, 24, 64, 128])
@pytest.mark.parametrize("grid", [(1, 1, 1), (3, 4, 2), (2, 3, 7)])
def test_a_grid_s_rotations_equal_the_plain_ones(
    grid: tuple[int, int, int], head_size: int
) -> None:
    found = compute_video_rotation(*grid, head_size, CPU)
    assert found.dtype is torch.complex64 and found.shape == (math.prod(grid), 1, head_size // 2)
    wanted = turns(layers.video_angles(grid, head_size))
    assert float((found.squeeze(1).to(torch.complex128) - wanted).abs().max()) < 1e-7


def test_the_14b_model_s_heads_give_time_22_pairs_and_rows_and_columns_21_each() -> None:
    grid = compute_video_rotation(2, 2, 2, 128, CPU).view(2, 2, 2, 64)
    moved = (grid[1, 0, 0], grid[0, 1, 0], grid[0, 0, 1])  # a step along one axis
    time, rows, columns = ((step != grid[0, 0, 0]).nonzero().flatten().tolist() for step in moved)
    assert (time, rows, columns) == (
        list(range(22)),
        list(range(22, 43)),
        list(range(43, 64)),
    )


def test_only_the_way_between_two_tokens_counts() -> None:
    q, k = noise(2, 1, 1, 24).unbind()
    turn = compute_video_rotation(4, 4, 4, 24, CPU).view(4, 4, 4, 1, 12)

    def product(of: tuple[int, int, int], to: tuple[int, int, int]) -> Tensor:
        return (rotate(q, turn[of]) * rotate(k, turn[to])).sum()

    torch.testing.assert_close(product((0, 1, 2), (2, 0, 1)), product((1, 3, 3), (3, 2, 2)))
    assert abs(float(product((0, 1, 2), (2, 0, 1)) - product((0, 1, 2), (2, 0, 2)))) > 0.01
