"""Attention in one call is softmax attention spelt out."""

import pytest
import torch

from inference.models.attention import SPEAKER_KEYS, AudioCrossAttention, attend
from inference.models.rope import rotate, rotation
from tests.plain import layers


@pytest.mark.parametrize(
    ("l", "s", "heads", "size"), [(7, 7, 2, 16), (40, 3, 4, 24), (5, 90, 1, 8)]
)
def test_it_is_softmax_attention(l: int, s: int, heads: int, size: int) -> None:  # noqa: E741
    q, k, v = (torch.randn(2, n, heads, size, dtype=torch.float64) for n in (l, s, s))
    out = attend(q, k, v)
    assert out.shape == q.shape
    for one, *given in zip(out, q, k, v, strict=True):
        plain = layers.attend(*(tensor.transpose(0, 1) for tensor in given))
        torch.testing.assert_close(one.flatten(1), plain)


def test_one_voices_keys_are_not_turned_and_twos_are() -> None:
    layer, tokens = AudioCrossAttention(16, 2, 8), torch.randn(2, 3, 4, 8)
    with torch.inference_mode():
        apart = [layer.keys_values(tokens[p : p + 1]) for p in range(2)]
        both = layer.keys_values(tokens)
    assert both.k.shape == (3, 8, 2, 8)  # latent frames, both voices' tokens, heads, head size
    assert torch.equal(both.v, torch.cat([one.v for one in apart], 1))
    for person, (alone, place) in enumerate(zip(apart, SPEAKER_KEYS, strict=True)):
        turned = rotate(alone.k, rotation(torch.full((4,), place), 8).unsqueeze(1))
        torch.testing.assert_close(both.k[:, 4 * person : 4 * person + 4], turned)
