"""What the library's networks are given, and what comes back; numbers: the reference cases."""

import pytest
import torch

from inference.models.registry import MODELS, initialised

NETWORKS = initialised(MODELS["multitalk-tiny"], 0)


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(32, 64), (100, 40)])
def test_a_picture_is_stretched_whatever_its_ratio(height: int, width: int) -> None:
    image = torch.rand(3, height, width) * 2 - 1
    pixels = NETWORKS.image.pixels(image)
    assert pixels.shape == (1, 3, 56, 56)
    left = image[:, :, : width // 2].repeat_interleave(2, dim=2)  # as wide as the whole
    assert not torch.allclose(NETWORKS.image.pixels(left), pixels, atol=0.1)
    grey = NETWORKS.image.pixels(torch.zeros(3, height, width))
    assert grey.std(dim=(2, 3)).max() < 1e-5
    assert NETWORKS.image.features(image).shape == (1, 1 + 16, 32)


@torch.inference_mode()
@pytest.mark.parametrize("samples", [6_400, 13_440, 13_441, 16_639])
def test_a_voice_has_a_row_for_each_whole_video_frame(samples: int) -> None:
    features = NETWORKS.audio.features(torch.randn(samples))
    assert features.shape == (25 * samples // 16_000, 2, 16)


@torch.inference_mode()
@pytest.mark.parametrize("frames", [1, 5, 21])
def test_video_goes_to_latents_and_back(frames: int) -> None:
    video = torch.rand(3, frames, 32, 64) * 2 - 1
    latents = NETWORKS.video.to_latents(video)
    assert latents.shape == (16, 1 + (frames - 1) // 4, 4, 8)
    back = NETWORKS.video.to_video(latents * 50)
    assert back.shape == video.shape and back.abs().max() <= 1


def test_the_picture_network_can_be_built_before_its_weights_are_there() -> None:
    with torch.device("meta"):
        network = MODELS["multitalk-tiny"].parts()["image"]()
    assert not any(buffer.is_meta for buffer in network.buffers())
