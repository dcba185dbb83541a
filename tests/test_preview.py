"""The cheap look at latents."""

import torch

from inference.multitalk.preview import preview


def test_it_is_a_picture_of_the_middle_frame() -> None:
    latents = torch.zeros(16, 5, 4, 8)
    latents[:, 2, :, 4:] = torch.randn(16, 1, 1)
    shown = preview(latents, 64, 32)
    assert shown.shape == (32, 64, 3) and shown.dtype == "uint8"
    assert shown[:, :16].std((0, 1)).max() < 1 and (shown[0, 0] != shown[0, -1]).any()


def test_no_latents_are_too_wild_for_it() -> None:
    shown = preview(torch.full((16, 2, 2, 2), 1e4), 32, 32)
    assert set(shown.ravel().tolist()) <= {0, 255}
