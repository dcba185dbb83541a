"""A window's colours are brought to the picture's, as MultiTalk does it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inference.multitalk.colour import lab_to_rgb, match_colours, rgb_to_lab
from tests.support.plain import colour as plain


def scene(seed: int, frames: int = 3, low: float = -0.6, high: float = 0.6) -> Tensor:
    """Frames (3, f, 12, 16) of soft colours between `low` and `high`."""
    coarse = np.random.default_rng(seed).uniform(low, high, (frames, 3, 3, 4))
    soft = torch.nn.functional.interpolate(torch.from_numpy(coarse).float(), (12, 16))
    return soft.transpose(0, 1)


def unit(frame: Tensor) -> Tensor:
    return (frame + 1) / 2


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0.1, 1.2))
def test_colours_are_the_plain_versions(seed: int, strength: float, reach: float) -> None:
    video, reference = scene(seed, low=-reach, high=reach), scene(seed + 1)[:, 0]
    wanted = plain.match(video.numpy(), reference.numpy(), strength)
    ours = match_colours(video, reference, strength).double().numpy()
    if strength == 0:  # nothing is computed then, so nothing is cut to the range either
        ours = ours.clip(-1, 1)
    np.testing.assert_allclose(ours, wanted, atol=1e-3)
    assert np.abs(ours - wanted).mean() < 1e-5


def test_a_tinted_video_comes_back_to_the_mean_and_spread_of_the_picture() -> None:
    reference = scene(1, low=-0.25, high=0.25)[:, 0]
    tint = torch.tensor([0.3, 0.1, -0.2]).view(3, 1, 1, 1)
    tinted = 0.6 * torch.stack([reference, reference.flip(1), reference.roll(4, 2)], 1) + tint
    wanted_std, wanted_mean = torch.std_mean(rgb_to_lab(unit(reference)), (1, 2))
    for frame in match_colours(tinted, reference).unbind(1):
        std, mean = torch.std_mean(rgb_to_lab(unit(frame)), (1, 2))
        torch.testing.assert_close(mean, wanted_mean, atol=0.02, rtol=0)
        torch.testing.assert_close(std, wanted_std, atol=0.02, rtol=0)
    off = torch.std_mean(rgb_to_lab(unit(tinted[:, 0])), (1, 2))[1] - wanted_mean
    assert off.abs().min() > 1  # in units of Lab, of which one is just seen


def test_the_picture_itself_is_left_as_it_is() -> None:
    video = scene(1)
    kept = match_colours(video[:, :1], video[:, 0])
    torch.testing.assert_close(kept, video[:, :1], atol=1e-4, rtol=0)


@pytest.mark.parametrize("shade", [-1.0, -0.3, 0.0, 0.7, 1.0])
def test_a_flat_frame_becomes_the_pictures_mean_colour_and_no_nan(shade: float) -> None:
    reference = scene(1)[:, 0]
    flat = torch.full((3, 2, 12, 16), shade)
    wanted = plain.match(flat.numpy(), reference.numpy(), 1)
    torch.testing.assert_close(
        match_colours(flat, reference).double(), torch.from_numpy(wanted), atol=1e-3, rtol=0
    )


def test_a_flat_picture_makes_the_video_flat_and_no_nan() -> None:
    out = match_colours(scene(1), torch.full((3, 12, 16), 0.3))
    torch.testing.assert_close(out, torch.full_like(out, 0.3), atol=2e-3, rtol=0)


def test_without_strength_the_video_is_not_touched() -> None:
    video = scene(1)
    assert match_colours(video, scene(2)[:, 0], strength=0) is video


def test_what_is_given_is_not_changed_and_what_comes_out_is_in_range() -> None:
    video = scene(1, low=-1.5, high=1.5)
    before = video.clone()
    out = match_colours(video, scene(2, low=-1, high=1)[:, 0])
    assert video.equal(before)
    assert -1 <= float(out.min()) and float(out.max()) <= 1 and out.dtype is video.dtype


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((1, 1, 1), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),  # CIE Lab of sRGB's primaries under D65
        ((0, 1, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
    ],
)
def test_colours_are_where_lab_has_them(rgb: tuple[float, ...], lab: tuple[float, ...]) -> None:
    pixel = torch.tensor(rgb, dtype=torch.float32).view(3, 1, 1)
    assert rgb_to_lab(pixel).flatten().tolist() == pytest.approx(lab, abs=0.05)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(pixel)), pixel, atol=1e-3, rtol=0)
