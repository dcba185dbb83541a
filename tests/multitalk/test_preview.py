"""A preview shows roughly what the latents hold, in the frame's size."""

import numpy as np
import pytest
import torch

from inference.multitalk.preview import render_preview
from tests.support.tiny_networks import HEIGHT, WIDTH, random


def test_it_is_a_picture_of_the_frames_size() -> None:
    picture = render_preview(random(1, 16, 3, 4, 8), WIDTH, HEIGHT)
    assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
    assert picture.flags.c_contiguous and picture.std() > 5


def test_latents_of_nothing_are_one_dull_colour() -> None:
    picture = render_preview(torch.zeros(16, 1, 4, 8), WIDTH, HEIGHT)
    # (offset + 1) 127.5 of ComfyUI's fit
    assert np.unique(picture.reshape(-1, 3), axis=0).tolist() == [[104, 116, 84]]


def test_each_channel_shifts_the_colour_its_own_way() -> None:
    dull = render_preview(torch.zeros(16, 1, 4, 8), WIDTH, HEIGHT).astype(int)[0, 0]
    red, blue = torch.zeros(16, 1, 4, 8), torch.zeros(16, 1, 4, 8)
    red[2], blue[0] = 1, 1
    np.testing.assert_allclose(
        render_preview(red, WIDTH, HEIGHT)[0, 0] - dull, [45.5, 32.5, 22.3], atol=1
    )
    np.testing.assert_allclose(
        render_preview(blue, WIDTH, HEIGHT)[0, 0] - dull, [-16.6, -21.6, 37.4], atol=1
    )


@pytest.mark.parametrize(("latent_frames", "shown"), [(1, 0), (2, 1), (6, 3), (21, 10)])
def test_the_middle_of_the_window_is_shown(latent_frames: int, shown: int) -> None:
    latents = random(1, 16, latent_frames, 4, 8)
    picture = render_preview(latents, WIDTH, HEIGHT)
    assert np.array_equal(picture, render_preview(latents[:, shown : shown + 1], WIDTH, HEIGHT))


def test_what_is_brighter_than_white_is_white() -> None:
    latents = torch.zeros(16, 1, 4, 8)
    latents[14], latents[10] = 50, 50
    assert (render_preview(latents, WIDTH, HEIGHT) == 255).all()


def test_left_is_left_and_up_is_up() -> None:
    latents = torch.zeros(16, 1, 4, 8)
    latents[14, :, :2, :4] = 2
    bright = render_preview(latents, WIDTH, HEIGHT).astype(int).sum(2)
    assert bright[: HEIGHT // 2, : WIDTH // 2].mean() > 1.2 * bright[HEIGHT // 2 :].mean()
    assert bright[: HEIGHT // 2, : WIDTH // 2].mean() > 1.2 * bright[:, WIDTH // 2 :].mean()
