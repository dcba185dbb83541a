"""Rotations by position."""

import pytest
import torch

from inference.models.rope import rotate, rotation, video_rotation
from tests.plain import layers

CPU = torch.device("cpu")


@pytest.mark.parametrize("size", [8, 16, 20, 24, 64, 128])
@pytest.mark.parametrize("grid", [(1, 1, 1), (3, 4, 5), (21, 2, 7)])
def test_they_are_those_in_complex128(grid: tuple[int, int, int], size: int) -> None:
    x = torch.randn(grid[0] * grid[1] * grid[2], 2, size)
    turned = rotate(x, video_rotation(*grid, size, CPU))
    plain = layers.rotate(x.transpose(0, 1).double(), layers.video_angles(grid, size))
    torch.testing.assert_close(turned.double(), plain.transpose(0, 1), rtol=0, atol=2e-6)


def test_lengths_stay_and_position_nought_changes_nothing() -> None:
    x = torch.randn(5, 2, 16)
    turned = rotate(x, rotation(torch.arange(5), 16).unsqueeze(1))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(turned[0], x[0])


def test_products_depend_on_the_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 16)

    def product(a: float, b: float) -> float:
        at = (rotation(torch.tensor([p]), 16).unsqueeze(1) for p in (a, b))
        return float((rotate(q, next(at)) * rotate(k, next(at))).sum())

    assert product(2.0, 5.5) == pytest.approx(product(20.0, 23.5), abs=1e-4)


def test_bfloat16_stays_bfloat16() -> None:
    x = torch.randn(4, 1, 8).bfloat16()
    assert rotate(x, rotation(torch.arange(4), 8).unsqueeze(1)).dtype is torch.bfloat16
