"""Each latent frame hears the sound of its own video frames, at the ends of a recording too."""

import pytest
import torch
from torch import Tensor, nn

from inference.multitalk.models.audio_adapter import AudioProjection, gather_window
from tests.support.plain import dit

LAYERS, CHANNELS, HIDDEN, TOKENS, OUT = 2, 3, 7, 4, 5
RECORDED = 30  # audio frames


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def projection(window: int = 5, stride: int = 4) -> AudioProjection:
    """With noise for weights."""
    network = AudioProjection(window, stride, LAYERS * CHANNELS, HIDDEN, TOKENS, OUT)
    for index, tensor in enumerate(network.parameters()):
        tensor.requires_grad_(False).copy_(noise(*tensor.shape, seed=index))
    return network


def twin(network: AudioProjection, features: Tensor, start: int, frames: int) -> Tensor:
    """The plain one's tokens, float64: from a window for each video frame."""
    named = nn.ModuleDict({"audio_proj": network}).state_dict()
    windows = [dit.audio_windows(voice, start, frames, network.window) for voice in features]
    return dit.audio_tokens(
        {name: tensor.double() for name, tensor in named.items()},
        {"vae_scale": network.stride, "context_tokens": TOKENS},
        torch.stack(windows).double(),
    )


def check_against_the_twin(network: AudioProjection, start: int, frames: int, voices: int) -> None:
    features = noise(voices, RECORDED, LAYERS, CHANNELS, seed=9)
    found = network(features, start, frames)
    wanted = twin(network, features, start, frames)
    assert found.shape == (voices, (frames - 1) // network.stride + 1, TOKENS, OUT)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("start", "frames"),
    [
        (4, 1),  # one latent frame alone
        (4, 5),
        (4, 13),
        (0, 9),  # the first two neighbours are not there
        (1, 9),
        (13, 17),  # up to the last frame
        (20, 17),  # and past it
        (40, 9),  # wholly after it
    ],
)
@pytest.mark.parametrize("voices", [1, 2])
def test_tokens_equal_those_of_a_window_for_each_frame(
    start: int, frames: int, voices: int
) -> None:
    check_against_the_twin(projection(), start, frames, voices)


@pytest.mark.parametrize(("window", "stride"), [(3, 4), (7, 4), (5, 3), (5, 2), (1, 2)])
def test_other_windows_and_strides(window: int, stride: int) -> None:
    check_against_the_twin(projection(window, stride), 6, 3 * stride + 1, 1)


def test_a_latent_frame_hears_the_frames_around_its_own() -> None:
    network, features = projection(), noise(1, RECORDED, LAYERS, CHANNELS)
    start, frames = 8, 13
    before = network(features, start, frames)
    heard: list[list[int]] = [[] for _ in range(4)]
    for frame in range(RECORDED):
        changed = features.clone()
        changed[0, frame] += 10 * noise(LAYERS, CHANNELS, seed=frame)
        differs = (network(changed, start, frames) != before).flatten(2).any(-1)[0]
        for latent in differs.nonzero().flatten().tolist():
            heard[latent].append(frame)
    spans = [(frames[0], frames[-1]) for frames in heard]
    # frames 8; 9-12; 13-16; 17-20, and two on each side
    assert spans == [(6, 10), (7, 14), (11, 18), (15, 22)]


def test_voices_are_projected_apart_and_in_order() -> None:
    network, features = projection(), noise(2, RECORDED, LAYERS, CHANNELS)
    both = network(features, 3, 9)
    for index in range(2):
        alone = network(features[index : index + 1], 3, 9)
        torch.testing.assert_close(both[index : index + 1], alone)


def test_frames_that_are_not_there_repeat_the_nearest() -> None:
    features = torch.arange(2 * 6, dtype=torch.float32).view(2, 6, 1)
    found = gather_window(features, -1, 8, 2).squeeze(-1)
    first = [0.0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5]
    assert found.tolist() == [first, [frame + 6 for frame in first]]


def test_one_frame_can_stand_for_silence_of_any_length() -> None:
    network = projection()
    silent = network(torch.zeros(1, 1, LAYERS, CHANNELS), 0, 13)
    long = network(torch.zeros(1, RECORDED, LAYERS, CHANNELS), 5, 13)
    assert silent.shape == (1, 4, TOKENS, OUT) and torch.equal(silent, long)


@pytest.mark.parametrize("frames", [4, 8, 10])
def test_frames_off_the_grid_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=rf"{frames} frames are not 4k\+1"):
        projection()(noise(1, RECORDED, LAYERS, CHANNELS), 0, frames)
