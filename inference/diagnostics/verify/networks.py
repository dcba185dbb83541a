"""The kinds of case that evaluate one network."""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, UMT5Config, Wav2Vec2Config

from inference.diagnostics.verify.cases import Case, Place
from inference.multitalk.conditioning.picture import token_masks
from inference.multitalk.conditioning.voice import standardised
from inference.multitalk.models.audio_adapter import AudioProjection, around
from inference.multitalk.models.encoders import AudioEncoder, ImageEncoder, TextEncoder, VideoCoder
from inference.multitalk.models.transformer import Conditioning, Transformer, TransformerParams
from weights.loading import load_strict

_Network = TypeVar("_Network", bound=nn.Module)


def transformer(case: Case, place: Place, config: dict[str, Any], part: str | None) -> Transformer:
    """The case's video transformer."""
    with torch.device("meta"):
        network = Transformer(TransformerParams(**config))
    return filled(network, case, place, part)


def video_coder(case: Case, place: Place, config: dict[str, Any], part: str | None) -> VideoCoder:
    """The case's autoencoder; diffusers spells one of its sizes otherwise."""
    sizes = {key.replace("temporal", "temperal"): value for key, value in config.items()}
    with torch.device("meta"):
        network = VideoCoder(**sizes)
    return filled(network, case, place, part)


def filled(network: _Network, case: Case, place: Place, part: str | None = None) -> _Network:
    """`network`, built without memory, with the case's weights."""
    load_strict(network, case.weights(place, part))
    return network.eval().to(place.device)


def dit(case: Case, place: Place) -> dict[str, Tensor]:
    model, given = transformer(case, place, case.config, None), case.inputs(place.device)
    options, frames = case.options, int(case.options["frames"])
    masks = None
    if options.get("audio") == "null":
        audio = model.silence(frames)
    else:
        audio = model.voices(given["audio_full"], options["clip_start"], frames)
        if len(given["audio_full"]) > 1:
            masks = _masks(options.get("masks"), *given["x"].shape[-2:]).to(place.device)
    conditioning = Conditioning(
        model.text(given["context"]),
        model.image(given["clip_fea"]),
        audio,
        model.turn(*given["x"].shape[1:]),
        masks,
    )
    known = given["y"].squeeze(0)
    return {"out": model(given["x"], known, model.time(options["t"]), conditioning)}


def _masks(rectangles: dict[str, list[list[int]]] | None, h: int, w: int) -> Tensor:
    """Token masks from rectangles [row0, col0, row1, col1) of latents; all ones without."""
    if rectangles is None:
        return token_masks(np.ones((3, h, w), np.bool_))
    masks = np.zeros((3, h, w), np.bool_)
    for mask, person in zip(masks, ("person1", "person2"), strict=False):
        for top, left, bottom, right in rectangles[person]:
            mask[top:bottom, left:right] = True
    masks[2] = ~(masks[0] | masks[1])
    return token_masks(masks)


def audio_proj(case: Case, place: Place) -> dict[str, Tensor]:
    features = case.inputs(place.device)["audio_full"]
    config = case.config
    window, stride = config.get("audio_window", 5), config.get("vae_scale", 4)
    width = features.shape[2] * features.shape[3]
    sizes = (config["intermediate_dim"], config["context_tokens"], config["output_dim"])
    with torch.device("meta"):
        network = nn.ModuleDict({"audio_proj": AudioProjection(window, stride, width, *sizes)})
    project = filled(network, case, place)["audio_proj"]
    frames, start = case.options["frames"], case.options["clip_start"]
    return {"out": project(features.to(place.dtype), start, frames)}


def audio_windows(case: Case, place: Place) -> dict[str, Tensor]:
    features = case.inputs(place.device)["audio_full"].unsqueeze(0)
    window = case.config["window"]
    heard = around(features, case.options["clip_start"], case.options["frames"], window // 2)
    return {"out": heard.squeeze(0).unfold(0, window, 1).movedim(-1, 1)}


def wav2vec(case: Case, place: Place) -> dict[str, Tensor]:
    with torch.device("meta"):
        network = AudioEncoder(Wav2Vec2Config(**case.config))
    encoder = filled(network, case, place)
    wave = standardised(case.inputs(torch.device("cpu"))["wave"].numpy())
    return {"out": encoder.features(torch.from_numpy(wave).to(place.device, place.dtype))}


def vae(case: Case, place: Place) -> dict[str, Tensor]:
    coder, given = video_coder(case, place, case.config, None), case.inputs(place.device)
    if case.options["op"] == "encode":
        return {"out": coder.to_latents(given["video"])}
    return {"out": coder.to_video(given["latent"])}


def clip(case: Case, place: Place) -> dict[str, Tensor]:
    with torch.device("meta"):
        network = ImageEncoder(CLIPVisionConfig(**case.config))
    encoder = filled(network, case, place)
    return {"out": encoder.features(case.inputs(place.device)["image"])}


def t5(case: Case, place: Place) -> dict[str, Tensor]:
    with torch.device("meta"):
        network = TextEncoder(UMT5Config(**case.config))
    encoder = filled(network, case, place)
    ids, mask = (torch.tensor(case.options[key], device=place.device) for key in ("ids", "mask"))
    return {f"out.{index}": rows for index, rows in enumerate(encoder.features(ids, mask))}
