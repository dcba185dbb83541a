"""Which voice drives a token: the original's map, without ever building it."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inference.models.speakers import likeness, positions_of
from tests.plain.dit import reference_scores


def made_up(
    tokens: int, first: int, heads: int = 2, size: int = 16
) -> tuple[Tensor, Tensor, Tensor]:
    """q and k (1, l, n, d) and masks (3, s) of thirds."""
    random = torch.Generator().manual_seed(tokens)
    q, k = (torch.randn(1, tokens, heads, size, generator=random) for _ in range(2))
    masks = torch.zeros(3, first)
    masks[0, : first // 3] = masks[1, first // 3 : first // 2] = masks[2, first // 2 :] = 1
    return q, k, masks


@pytest.mark.parametrize(("heads", "size"), [(2, 16), (4, 24), (2, 128)])
def test_likeness_is_that_of_the_whole_map(heads: int, size: int) -> None:
    q, k, masks = made_up(60, 20, heads, size)
    whole = reference_scores(
        q[0].transpose(0, 1).double(), k[0, :20].transpose(0, 1).double(), masks.double()
    )
    torch.testing.assert_close(likeness(q, k, masks).double(), whole, rtol=1e-5, atol=1e-7)


def test_positions_are_in_the_two_ranges_or_between_them() -> None:
    positions = positions_of(*made_up(200, 40))
    first, second = (positions <= 4) & (positions >= 0), (positions >= 20) & (positions <= 24)
    assert (first | second | (positions == 12)).all()
    assert first.any() and second.any() and (positions == 12).any()


def test_among_equals_the_first_wins_and_nothing_is_divided_by_nought() -> None:
    q, k, masks = made_up(30, 12)
    assert positions_of(torch.zeros_like(q), k, masks).isfinite().all()
    everywhere = torch.ones_like(masks)
    assert (positions_of(q, k, everywhere)[:1] <= 4).all()


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the largest tensor that an operation gave."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        sizes = [t.numel() for t in tree_leaves(out) if isinstance(t, Tensor)]
        self.numbers = max(self.numbers, *sizes, 0)
        return out


def test_no_matrix_of_all_tokens_by_the_first_frames_is_built() -> None:
    tokens, first, heads, size = 2048, 512, 2, 32
    given = made_up(tokens, first, heads, size)
    with Largest() as largest:  # type: ignore[no-untyped-call]
        positions_of(*given)
    assert 0 < largest.numbers <= tokens * heads * size < tokens * first
