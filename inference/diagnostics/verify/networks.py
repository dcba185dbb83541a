"""Kinds of cases that evaluate one network."""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, UMT5Config, Wav2Vec2Config

from inference.diagnostics.verify.cases import Case, Target
from inference.multitalk.conditioning.picture import to_token_masks
from inference.multitalk.conditioning.voice import standardise
from inference.multitalk.models.audio_adapter import AudioProjection, gather_window
from inference.multitalk.models.encoders import (
    AudioEncoder,
    ImageEncoder,
    TextEncoder,
    VideoAutoencoder,
)
from inference.multitalk.models.transformer import Conditioning, Transformer, TransformerParams
from weights.loading import load_strict

_Network = TypeVar("_Network", bound=nn.Module)


def build_transformer(
    case: Case, target: Target, config: dict[str, Any], part: str | None
) -> Transformer:
    """Build the case's video transformer."""
    with torch.device("meta"):
        network = Transformer(TransformerParams(**config))
    return load_network(network, case, target, part)


def build_video_autoencoder(
    case: Case, target: Target, config: dict[str, Any], part: str | None
) -> VideoAutoencoder:
    """Build the case's autoencoder; diffusers spells "temporal" as "temperal"."""
    sizes = {key.replace("temporal", "temperal"): value for key, value in config.items()}
    with torch.device("meta"):
        network = VideoAutoencoder(**sizes)
    return load_network(network, case, target, part)


def load_network(
    network: _Network, case: Case, target: Target, part: str | None = None
) -> _Network:
    """Load the case's weights into `network`, which is on the meta device."""
    load_strict(network, case.load_weights(target, part))
    return network.eval().to(target.device)


def dit(case: Case, target: Target) -> dict[str, Tensor]:
    model, inputs = (
        build_transformer(case, target, case.config, None),
        case.load_inputs(target.device),
    )
    options, frames = case.options, int(case.options["frames"])
    masks = None
    if options.get("audio") == "null":
        audio = model.project_silence(frames)
    else:
        audio = model.project_voices(inputs["audio_full"], options["clip_start"], frames)
        if len(inputs["audio_full"]) > 1:
            masks = _build_masks(options.get("masks"), *inputs["x"].shape[-2:]).to(target.device)
    conditioning = Conditioning(
        model.project_text(inputs["context"]),
        model.project_image(inputs["clip_fea"]),
        audio,
        model.compute_rotation(*inputs["x"].shape[1:]),
        masks,
    )
    known = inputs["y"].squeeze(0)
    return {"out": model(inputs["x"], known, model.embed_timestep(options["t"]), conditioning)}


def _build_masks(rectangles: dict[str, list[list[int]]] | None, h: int, w: int) -> Tensor:
    """Build token masks from rectangles [row0, col0, row1, col1) of latents; without, all ones."""
    if rectangles is None:
        return to_token_masks(np.ones((3, h, w), np.bool_))
    masks = np.zeros((3, h, w), np.bool_)
    for mask, person in zip(masks, ("person1", "person2"), strict=False):
        for top, left, bottom, right in rectangles[person]:
            mask[top:bottom, left:right] = True
    masks[2] = ~(masks[0] | masks[1])
    return to_token_masks(masks)


def audio_proj(case: Case, target: Target) -> dict[str, Tensor]:
    features = case.load_inputs(target.device)["audio_full"]
    config = case.config
    window, stride = config.get("audio_window", 5), config.get("vae_scale", 4)
    width = features.shape[2] * features.shape[3]
    sizes = (config["intermediate_dim"], config["context_tokens"], config["output_dim"])
    with torch.device("meta"):
        network = nn.ModuleDict({"audio_proj": AudioProjection(window, stride, width, *sizes)})
    project = load_network(network, case, target)["audio_proj"]
    frames, start = case.options["frames"], case.options["clip_start"]
    return {"out": project(features.to(target.dtype), start, frames)}


def audio_windows(case: Case, target: Target) -> dict[str, Tensor]:
    features = case.load_inputs(target.device)["audio_full"].unsqueeze(0)
    window = case.config["window"]
    window_features = gather_window(
        features, case.options["clip_start"], case.options["frames"], window // 2
    )
    return {"out": window_features.squeeze(0).unfold(0, window, 1).movedim(-1, 1)}


def wav2vec(case: Case, target: Target) -> dict[str, Tensor]:
    with torch.device("meta"):
        network = AudioEncoder(Wav2Vec2Config(**case.config))
    encoder = load_network(network, case, target)
    wave = standardise(case.load_inputs(torch.device("cpu"))["wave"].numpy())
    return {"out": encoder.encode(torch.from_numpy(wave).to(target.device, target.dtype))}


def vae(case: Case, target: Target) -> dict[str, Tensor]:
    coder, inputs = (
        build_video_autoencoder(case, target, case.config, None),
        case.load_inputs(target.device),
    )
    if case.options["op"] == "encode":
        return {"out": coder.to_latents(inputs["video"])}
    return {"out": coder.to_video(inputs["latent"])}


def clip(case: Case, target: Target) -> dict[str, Tensor]:
    with torch.device("meta"):
        network = ImageEncoder(CLIPVisionConfig(**case.config))
    encoder = load_network(network, case, target)
    return {"out": encoder.encode(case.load_inputs(target.device)["image"])}


def t5(case: Case, target: Target) -> dict[str, Tensor]:
    with torch.device("meta"):
        network = TextEncoder(UMT5Config(**case.config))
    encoder = load_network(network, case, target)
    ids, mask = (torch.tensor(case.options[key], device=target.device) for key in ("ids", "mask"))
    return {f"out.{index}": rows for index, rows in enumerate(encoder.encode(ids, mask))}
