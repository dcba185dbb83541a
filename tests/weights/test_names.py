"""Tensors get the names of our networks, whoever saved them."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from safetensors import safe_open
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    UMT5Config,
    UMT5EncoderModel,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
    Wav2Vec2ForPreTraining,
    Wav2Vec2Model,
)

from inference.multitalk.models.registry import MODELS
from weights.manifest import MULTITALK_14B
from weights.names import is_quantised, to_network_name

TINY = MODELS["multitalk-tiny"]
Shapes = dict[str, tuple[int, ...]]


def shapes_of(part: str) -> Shapes:
    """Our network's tensors; what two places share is one."""
    with torch.device("meta"):
        state = TINY.get_builders()[part]().state_dict()
    state.pop("encoder.embed_tokens.weight", None)
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def base_shapes() -> Shapes:
    """What Wan's own files hold of the transformer, and not MultiTalk's."""
    shapes = shapes_of("transformer").items()
    return {name: s for name, s in shapes if "audio" not in name and "norm_x" not in name}


def saved(model: object, folder: Path) -> Shapes:
    """The names and shapes in the files that the library writes."""
    model.save_pretrained(folder)  # type: ignore[attr-defined]
    found: Shapes = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            found |= {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}
    return found


def renamed(part: str, shapes: Shapes) -> Shapes:
    names = {name: to_network_name(part, name) for name in shapes}
    kept = [own for own in names.values() if own is not None]
    assert len(kept) == len(set(kept))
    return {own: shapes[name] for name, own in names.items() if own is not None}


def test_all_of_diffusers_names_are_the_base_s() -> None:
    p = TINY.transformer
    with torch.device("meta"):
        model = WanTransformer3DModel(
            patch_size=p.patch_size,
            num_attention_heads=p.num_heads,
            attention_head_dim=p.head_size,
            in_channels=p.in_dim,
            out_channels=p.out_dim,
            text_dim=p.text_dim,
            freq_dim=p.freq_dim,
            ffn_dim=p.ffn_dim,
            num_layers=p.num_layers,
            image_dim=p.clip_dim,
            added_kv_proj_dim=p.dim,
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert renamed("transformer", shapes) == base_shapes()


def test_each_name_comes_back_that_diffusers_own_converter_changes() -> None:
    names = [
        name
        for name in MULTITALK_14B.read_shapes("transformer")
        if "audio" not in name and "norm_x" not in name
    ]
    converted = convert_wan_transformer_to_diffusers({name: name for name in names})
    assert len(converted) == len(names) == 1303
    assert {name: to_network_name("transformer", name) for name in converted} == converted


def test_the_network_s_own_names_stay() -> None:
    for name in MULTITALK_14B.read_shapes("transformer"):
        assert to_network_name("transformer", name) == name
    for part in ("video", "image", "text", "audio"):
        assert {to_network_name(part, name) for name in shapes_of(part)} == set(shapes_of(part))


@pytest.mark.parametrize("part", ["transformer", "video", "image", "text", "audio"])
@pytest.mark.parametrize("name", ["stranger", "blocks.0.stranger.weight", "attn1.to_q.weight"])
def test_names_that_nobody_knows_stay_so_that_they_are_reported(part: str, name: str) -> None:
    assert to_network_name(part, name) == name


@pytest.mark.parametrize("library", [CLIPVisionModel, CLIPVisionModelWithProjection])
def test_picture_networks_as_saved_are_ours(tmp_path: Path, library: type) -> None:
    config = CLIPVisionConfig(**TINY.image, projection_dim=24)
    assert renamed("image", saved(library(config), tmp_path)) == shapes_of("image")


def test_positions_that_older_files_hold_are_dropped() -> None:
    assert to_network_name("image", "vision_model.embeddings.position_ids") is None
    assert to_network_name("image", "embeddings.position_ids") is None


def test_the_text_network_as_saved_is_ours(tmp_path: Path) -> None:
    found = saved(UMT5EncoderModel(UMT5Config(**TINY.text)), tmp_path)
    assert renamed("text", found) == shapes_of("text")


def test_the_shared_text_embedding_counts_once_even_if_it_is_saved_twice() -> None:
    assert to_network_name("text", "shared.weight") == "shared.weight"
    assert to_network_name("text", "encoder.embed_tokens.weight") is None


@pytest.mark.parametrize("library", [Wav2Vec2Model, Wav2Vec2ForPreTraining, Wav2Vec2ForCTC])
def test_voice_networks_as_saved_are_ours(tmp_path: Path, library: type) -> None:
    small = dict(codevector_dim=16, proj_codevector_dim=16, num_codevectors_per_group=4)
    found = saved(library(Wav2Vec2Config(**TINY.audio, **small)), tmp_path)
    assert renamed("audio", found) == shapes_of("audio")


def test_normalised_weights_are_known_by_their_old_names_too() -> None:
    old = "wav2vec2.encoder.pos_conv_embed.conv.weight_g"
    new = to_network_name("audio", old)
    assert new == "encoder.pos_conv_embed.conv.parametrizations.weight.original0"
    assert new in shapes_of("audio")
    assert to_network_name("audio", old.replace("_g", "_v")) == new.replace(
        "original0", "original1"
    )


def test_the_video_network_as_saved_is_ours(tmp_path: Path) -> None:
    assert renamed("video", saved(AutoencoderKLWan(**TINY.video), tmp_path)) == shapes_of("video")


def test_what_is_kept_in_8_bits_is_nearly_all_of_the_model_and_only_matrices_of_blocks() -> None:
    shapes = MULTITALK_14B.read_shapes("transformer")
    kept = {name: shape for name, shape in shapes.items() if is_quantised(name, len(shape))}
    sizes = {name: torch.Size(shape).numel() for name, shape in shapes.items()}
    assert 0.97 < sum(sizes[name] for name in kept) / sum(sizes.values()) < 0.99
    assert all(name.startswith("blocks.") and name.endswith(".weight") for name in kept)
    assert len(kept) == 40 * 15
    assert all(len(shape) == 2 for shape in kept.values())
