"""Which of two voices drives a token: found by which speaker of the first frame it looks like.

Every token's likeness to each speaker becomes a position on an axis on which the speakers' audio
keys have theirs (L-RoPE): near positions attend to each other.
"""

import torch
from torch import Tensor

from inference.multitalk.models.attention import attend

# The released model's labels: classes of 24, their ranges 4 wide, the background between them.
_RANGE = 4.0
_FIRST, _SECOND, _NEITHER = 0.0, 20.0, 12.0
_EPSILON = 1e-8  # keeps a likeness that is the same everywhere from dividing by 0


def compute_positions(q: Tensor, k: Tensor, masks: Tensor) -> Tensor:
    """Each token's position on the speakers' axis, float32 (l,).

    q, k (1, l, n, d) are a self-attention's after rotation; `masks` (3, s): which tokens of the
    first latent frame show speaker 1, speaker 2, neither; each shows in some. Among equals the
    first wins.
    """
    first, second, neither = compute_affinity(q, k, masks)
    return torch.where(
        (first >= second) & (first >= neither),
        _scale_to_range(first) + _FIRST,
        torch.where(second >= neither, _scale_to_range(second) + _SECOND, _NEITHER),
    )


def compute_affinity(q: Tensor, k: Tensor, masks: Tensor) -> Tensor:
    """How much each token looks at what each mask shows, per masked token: float32 (3, l).

    The mean over heads of softmax(q kᵀ / √d) summed over a mask, k being the first latent frame's.
    With the masks as values that is an attention of its own, and no l x s matrix is built.
    """
    count, s = masks.shape
    values = torch.zeros_like(k[:, :s])
    values[..., :count] = masks.T.unsqueeze(1)
    looked_at = attend(q, k[:, :s], values)[..., :count]  # (1, l, n, 3)
    return (looked_at.float().mean(2) / masks.float().sum(1)).squeeze(0).T


def _scale_to_range(likeness: Tensor) -> Tensor:
    """From 0 for the token with the least of it to `_RANGE` for the one with the most."""
    low, high = likeness.aminmax()
    return (likeness - low) / (high - low + _EPSILON) * _RANGE
