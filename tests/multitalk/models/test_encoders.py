"""What the library's networks are given, and what comes back; numbers: the reference cases."""

import pytest
import torch
from torch import Tensor
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from inference.multitalk.models.encoders import ImageEncoder
from inference.multitalk.models.registry import MODELS, initialise_networks
from weights.loading import load_strict

TINY = MODELS["multitalk-tiny"]
NETWORKS = initialise_networks(TINY, 0)
SIDE_PX = 56  # of the square that the tiny picture network takes


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Between -1 and 1."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def normalised(picture: Tensor) -> Tensor:
    """(1, 3, h, w) of a picture (3, h, w), -1 to 1, by the mean and spread that CLIP ships with."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
    return ((picture + 1) / 2 - mean).div(std).unsqueeze(0)


@torch.inference_mode()
@pytest.mark.parametrize(("down", "across"), [(1, 1), (3, 5), (5, 1), (1, 3), (3, 3)])
def test_a_picture_is_stretched_whatever_its_ratio_and_not_smoothed(down: int, across: int) -> None:
    picture = noise(3, down * SIDE_PX, across * SIDE_PX)
    # by an odd factor each pixel of the square lies on one of the picture's, and is that one
    middles = picture[:, down // 2 :: down, across // 2 :: across]
    torch.testing.assert_close(
        NETWORKS.image.preprocess(picture), normalised(middles), rtol=1e-5, atol=1e-5
    )


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(32, 64), (100, 40), (20, 20)])
def test_a_picture_s_features_do_not_grow_with_it(height: int, width: int) -> None:
    features = NETWORKS.image.encode(noise(3, height, width))
    assert features.shape == (1, 1 + 4 * 4, TINY.transformer.clip_dim)


@torch.inference_mode()
def test_a_picture_network_built_without_memory_works_once_filled() -> None:
    with torch.device("meta"):
        network = TINY.get_builders()["image"]()
    assert isinstance(network, ImageEncoder)
    assert all(parameter.is_meta for parameter in network.parameters())
    load_strict(network, NETWORKS.image.state_dict())
    picture = noise(3, 40, 60)
    assert torch.equal(network.eval().encode(picture), NETWORKS.image.encode(picture))


@torch.inference_mode()
@pytest.mark.parametrize("samples", [6_400, 7_039, 7_040, 13_441, 16_639])
def test_a_voice_has_a_row_for_each_whole_video_frame(samples: int) -> None:
    features = NETWORKS.audio.encode(noise(samples))
    params = TINY.transformer
    frames = 25 * samples // 16_000
    assert features.shape == (frames, params.audio_layers, params.audio_channels)
    assert features.isfinite().all()


@torch.inference_mode()
def test_padding_leaves_no_row_and_changes_none() -> None:
    ids = torch.tensor([[5, 9, 1, 0, 0, 0, 0], [7, 8, 6, 4, 3, 2, 1]])
    short, long = NETWORKS.text.encode(ids, (ids > 0).long())
    width = TINY.transformer.text_dim
    assert (short.shape, long.shape) == ((3, width), (7, width))
    alone = NETWORKS.text.encode(ids[:1, :3], torch.ones(1, 3, dtype=torch.long))[0]
    torch.testing.assert_close(short, alone, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(32, 64), (48, 32)])
@pytest.mark.parametrize("frames", [1, 5, 21])
def test_video_goes_to_latents_and_back(frames: int, height: int, width: int) -> None:
    video = noise(3, frames, height, width)
    latents = NETWORKS.video.to_latents(video)
    assert latents.shape == (16, 1 + (frames - 1) // 4, height // 8, width // 8)
    assert torch.equal(NETWORKS.video.to_latents(video), latents)  # no noise is added
    assert NETWORKS.video.to_video(latents).shape == video.shape


@torch.inference_mode()
def test_decoded_video_is_clamped() -> None:
    video = NETWORKS.video.to_video(500 * noise(16, 2, 4, 8))
    assert (float(video.min()), float(video.max())) == (-1, 1)


@torch.inference_mode()
def test_latents_are_the_encoder_s_by_the_model_s_own_mean_and_spread() -> None:
    video, coder = noise(3, 5, 32, 64), NETWORKS.video
    raw = coder.encode(video[None]).latent_dist.mode()[0]
    for channel in (0, 7, 15):
        mean, std = coder.config.latents_mean[channel], coder.config.latents_std[channel]
        found = coder.to_latents(video)[channel]
        torch.testing.assert_close(found, (raw[channel] - mean) / std)
