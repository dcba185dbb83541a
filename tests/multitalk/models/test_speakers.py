"""A token is given to the speaker it looks like, without a matrix of all its looks."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from einops import rearrange
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inference.multitalk.models.speakers import compute_affinity, compute_positions
from tests.support.plain import dit

HEADS, HEAD_SIZE = 4, 16
GRID = 6, 8  # tokens of one latent frame
FIRST_FRAME = 6 * 8
FRAMES = 3


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def queries_and_keys(heads: int = HEADS, head_size: int = HEAD_SIZE) -> tuple[Tensor, Tensor]:
    """Noise (1, l, n, d), q such that softmax has a clear opinion."""
    q, k = (noise(1, FRAMES * FIRST_FRAME, heads, head_size, seed=seed) for seed in (1, 2))
    return 3 * q, k


def masks(*boxes: tuple[slice, slice]) -> Tensor:
    """Of one token grid: (3, s), the last one what no box covers."""
    shown = torch.zeros(3, *GRID)
    for mask, box in zip(shown, boxes, strict=False):
        mask[box] = 1
    shown[2] = shown.sum(0) == 0
    return shown.flatten(1)


LEFT = slice(1, 6), slice(0, 3)
RIGHT = slice(1, 6), slice(5, 8)
WIDE_LEFT = slice(1, 6), slice(0, 5)
WIDE_RIGHT = slice(2, 6), slice(3, 8)
APART, OVERLAPPING = masks(LEFT, RIGHT), masks(WIDE_LEFT, WIDE_RIGHT)


def plain_scores(q: Tensor, k: Tensor, shown: Tensor) -> Tensor:
    q, k = (rearrange(x.double(), "1 l n d -> n l d") for x in (q, k))
    return dit.reference_scores(q, k[:, : shown.shape[1]], shown)


@pytest.mark.parametrize("shown", [APART, OVERLAPPING], ids=["apart", "overlapping"])
@pytest.mark.parametrize(("heads", "head_size"), [(2, 16), (4, 24), (2, 128)])
def test_likeness_is_the_mean_of_the_whole_matrix(
    heads: int, head_size: int, shown: Tensor
) -> None:
    q, k = queries_and_keys(heads, head_size)
    found = compute_affinity(q, k, shown)
    assert found.dtype is torch.float32 and found.shape == (3, FRAMES * FIRST_FRAME)
    torch.testing.assert_close(found.double(), plain_scores(q, k, shown), rtol=1e-5, atol=1e-8)


def test_only_keys_of_the_first_frame_are_looked_at() -> None:
    q, k = queries_and_keys()
    before = compute_affinity(q, k, APART)
    k[:, FIRST_FRAME:] = 100
    assert torch.equal(compute_affinity(q, k, APART), before)


def test_positions_follow_from_the_plain_scores() -> None:
    q, k = queries_and_keys()
    scores = plain_scores(q, k, OVERLAPPING)
    found = compute_positions(q, k, OVERLAPPING)
    assert found.dtype is torch.float32
    for index, (score, starts) in enumerate(zip(scores[:2], (0, 20), strict=True)):
        mine = scores.argmax(0) == index
        wanted = starts + 4 * (score - score.min()) / (score.max() - score.min())
        torch.testing.assert_close(found[mine].double(), wanted[mine], rtol=1e-5, atol=1e-5)
    assert set(found[scores.argmax(0) == 2].tolist()) == {12.0}


def test_every_token_is_in_a_speaker_s_range_or_at_12() -> None:
    found = compute_positions(*queries_and_keys(), APART)
    first, second, neither = (found <= 4), (found >= 20), (found == 12)
    assert found.min() >= 0 and found.max() <= 24
    assert (first | second | neither).all()
    assert min(int(part.sum()) for part in (first, second, neither)) > 5


def test_a_token_that_looks_at_a_speaker_is_that_speaker_s() -> None:
    k = torch.zeros(1, FIRST_FRAME, HEADS, HEAD_SIZE)
    for direction, mask in enumerate(APART.bool()):
        k[0, mask, :, direction] = 1
    q = torch.zeros(1, 3, HEADS, HEAD_SIZE)
    for token, direction in enumerate((1, 2, 0)):
        q[0, token, :, direction] = 20
    assert compute_positions(q, k, APART).tolist() == pytest.approx([24, 12, 4], abs=1e-3)


def test_what_looks_the_same_everywhere_is_the_first_speaker_s_and_no_nan() -> None:
    q = torch.zeros(1, FRAMES * FIRST_FRAME, HEADS, HEAD_SIZE)
    found = compute_positions(q, q, APART)
    assert found.isfinite().all() and found.min() >= 0 and found.max() <= 4


def test_among_equals_the_first_wins() -> None:
    q, k = queries_and_keys()
    left, right, neither = APART
    assert compute_positions(q, k, torch.stack([left, left, left])).max() <= 4
    ahead_of_neither = compute_positions(q, k, torch.stack([left, right, right]))
    assert not (ahead_of_neither == 12).any()
    level_with_neither = compute_positions(q, k, torch.stack([left, neither, left]))
    assert not (level_with_neither == 12).any()
    assert compute_positions(q, k, torch.stack([left, neither, neither])).max() >= 20


def test_bfloat16_gives_positions_in_float32() -> None:
    q, k = queries_and_keys()
    found = compute_positions(q.bfloat16(), k.bfloat16(), APART)
    near = (found - compute_positions(q, k, APART)).abs() < 0.2
    assert found.dtype is torch.float32 and near.float().mean() > 0.95


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the most bytes that a result had."""

    size_bytes = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.size_bytes = max(self.size_bytes, leaf.nbytes)
        return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_matrix_of_all_tokens_by_the_first_frame_s_is_built(dtype: torch.dtype) -> None:
    tokens, first_frame, heads, head_size = 4096, 512, 2, 32
    q, k = (noise(1, tokens, heads, head_size, seed=seed).to(dtype) for seed in (1, 2))
    third = torch.arange(first_frame) * 3 // first_frame
    shown = torch.stack([third == speaker for speaker in range(3)]).float()
    with Largest() as largest:  # type: ignore[no-untyped-call]
        compute_positions(q, k, shown)
    assert 0 < largest.size_bytes < tokens * first_frame  # a quarter of one head's in float32
