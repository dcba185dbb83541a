"""The models by name."""

from typing import Any

import torch

from inference.models.registry import MODELS, initialised
from presets import models


def test_they_are_those_that_can_be_asked_for() -> None:
    assert MODELS.keys() == models.MODELS.keys()


def test_the_same_seed_gives_the_same_weights_and_leaves_other_numbers_alone() -> None:
    state = torch.random.get_rng_state()
    first, second, other = (initialised(MODELS["multitalk-tiny"], seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, network in vars(first).items():
        one, same, another = (vars(n)[name].state_dict() for n in (first, second, other))
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], another[key]) for key in one)
        assert not network.training


def test_the_parts_of_a_model_fit_each_other() -> None:
    for spec in MODELS.values():
        parts = spec.transformer
        assert parts.head_size * parts.num_heads == parts.dim and parts.head_size % 2 == 0
        with torch.device("meta"):
            networks: dict[str, Any] = {n: build() for n, build in spec.parts().items()}
        image, text, audio = (networks[name].config for name in ("image", "text", "audio"))
        assert image.hidden_size == parts.clip_dim and text.d_model == parts.text_dim
        assert (audio.num_hidden_layers, audio.hidden_size) == (
            parts.audio_layers,
            parts.audio_channels,
        )
        assert parts.in_dim == 2 * parts.out_dim + 4
