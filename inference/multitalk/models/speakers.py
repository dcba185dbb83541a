"""Assignment of video tokens to one of two speakers (label rotary position embedding, L-RoPE).

The attention of each token to each speaker in the first latent frame becomes a position on a
speaker axis, where the audio keys of both speakers have fixed positions. Near positions attend to
each other.
"""

import torch
from torch import Tensor

from inference.multitalk.models.attention import attend

# Labels of the released model on an axis of 24: ranges 4 wide, the background between them.
_RANGE = 4.0
_FIRST, _SECOND, _BACKGROUND = 0.0, 20.0, 12.0
_EPSILON = 1e-8  # avoids a division by 0 when the affinity is the same everywhere


def compute_positions(q: Tensor, k: Tensor, masks: Tensor) -> Tensor:
    """Return each token's position on the speaker axis, float32 (l,).

    q, k (1, l, n, d) are the rotated queries and keys of a self-attention; `masks` (3, s) are the
    tokens of the first latent frame that show speaker 1, speaker 2 and the background, none of them
    empty. Ties go to the first.
    """
    first, second, background = compute_affinity(q, k, masks)
    return torch.where(
        (first >= second) & (first >= background),
        _scale_to_range(first) + _FIRST,
        torch.where(second >= background, _scale_to_range(second) + _SECOND, _BACKGROUND),
    )


def compute_affinity(q: Tensor, k: Tensor, masks: Tensor) -> Tensor:
    """Return each token's attention to each mask, per masked token: float32 (3, l).

    That is softmax(q kᵀ / √d), with k of the first latent frame, summed over a mask and averaged
    over heads. With the masks as values `attend` computes it without an l x s matrix.
    """
    count, s = masks.shape
    values = torch.zeros_like(k[:, :s])
    values[..., :count] = masks.T.unsqueeze(1)
    attended = attend(q, k[:, :s], values)[..., :count]  # (1, l, n, 3)
    return (attended.float().mean(2) / masks.float().sum(1)).squeeze(0).T


def _scale_to_range(affinity: Tensor) -> Tensor:
    """Scale linearly to 0 .. `_RANGE`."""
    low, high = affinity.aminmax()
    return (affinity - low) / (high - low + _EPSILON) * _RANGE
