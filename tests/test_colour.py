"""Colours go back to the picture's, whatever a window made of them."""

import numpy as np
import pytest
import torch

from inference.multitalk.colour import lab_of, matched, rgb_of
from tests.plain.colour import match


def frames(seed: int, count: int = 3) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(3, count, 12, 20, generator=random) * 2 - 1


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_it_is_the_plain_way_in_float64(strength: float) -> None:
    video, picture = frames(0) * 0.5, frames(1)[:, 0]
    expected = match(video.double().numpy(), picture.double().numpy(), strength)
    np.testing.assert_allclose(matched(video, picture, strength).numpy(), expected, atol=5e-5)


def test_a_tint_is_taken_back() -> None:
    picture = frames(1)[:, 0] * 0.5
    tinted = (picture * 0.7 + torch.tensor([0.2, -0.1, 0.1])[:, None, None]).unsqueeze(1)
    back = matched(tinted, picture)[:, 0]
    for of in (torch.mean, torch.std):
        wanted, found = (of(lab_of((x + 1) / 2), dim=(1, 2)) for x in (picture, back))
        torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.2)


def test_strength_nought_changes_nothing() -> None:
    video = frames(0)
    assert torch.equal(matched(video, frames(1)[:, 0], 0), video)


@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_one_colour_frames_give_colours(level: float) -> None:
    video = torch.full((3, 2, 8, 8), level)
    out = matched(video, frames(1)[:, 0, :8, :8])
    assert out.isfinite().all() and float(out.std(dim=(2, 3)).max()) < 1e-3


def test_lab_and_back_is_the_same() -> None:
    rgb = (frames(2)[:, 0] + 1) / 2
    torch.testing.assert_close(rgb_of(lab_of(rgb)), rgb, rtol=0, atol=1e-4)
