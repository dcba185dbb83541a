"""The models by name: their parts fit each other, and random ones are the same every time."""

from typing import Any

import pytest
import torch

from inference.multitalk.models.registry import MODELS, Networks, initialise_networks
from presets import models

TINY = MODELS["multitalk-tiny"]


@pytest.fixture(scope="module")
def networks() -> Networks:
    return initialise_networks(TINY, 1)


def test_they_are_those_that_can_be_asked_for() -> None:
    assert MODELS.keys() == models.MODELS.keys()


def test_the_same_seed_gives_the_same_weights(networks: Networks) -> None:
    again = vars(initialise_networks(TINY, 1))
    for name, network in vars(networks).items():
        same = again[name].state_dict()
        assert all(torch.equal(tensor, same[key]) for key, tensor in network.state_dict().items())


def test_another_seed_gives_other_weights(networks: Networks) -> None:
    others = vars(initialise_networks(TINY, 2))
    for name, network in vars(networks).items():
        other = others[name].state_dict()
        assert any(not torch.equal(t, other[key]) for key, t in network.state_dict().items())


def test_nobody_else_s_random_numbers_are_touched() -> None:
    state = torch.random.get_rng_state()
    initialise_networks(TINY, 1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_random_networks_are_in_float32_on_the_cpu_and_not_in_training(networks: Networks) -> None:
    for network in vars(networks).values():
        assert not network.training
        places = {(tensor.device.type, tensor.dtype) for tensor in network.parameters()}
        assert places == {("cpu", torch.float32)}


@pytest.mark.parametrize("name", MODELS)
def test_heads_can_be_turned_and_halved(name: str) -> None:
    params = MODELS[name].transformer
    assert params.head_size * params.num_heads == params.dim
    assert params.head_size % 2 == 0 and params.num_heads % 2 == 0
    assert params.freq_dim % 2 == 0 and params.audio_window % 2 == 1


@pytest.mark.parametrize("name", MODELS)
def test_the_parts_of_a_model_fit_each_other(name: str) -> None:
    spec = MODELS[name]
    params = spec.transformer
    with torch.device("meta"):
        parts: dict[str, Any] = {part: build() for part, build in spec.get_builders().items()}
    image, text, audio, video = (parts[n].config for n in ("image", "text", "audio", "video"))
    assert image.hidden_size == params.clip_dim and text.d_model == params.text_dim
    assert audio.num_hidden_layers == params.audio_layers
    assert audio.hidden_size == params.audio_channels
    assert video.z_dim == params.out_dim == len(video.latents_mean) == len(video.latents_std)
    assert params.in_dim == 2 * params.out_dim + 4  # with the mask of known frames
