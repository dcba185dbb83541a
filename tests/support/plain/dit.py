"""The video transformer in the plainest tensor code, as a second opinion on the fast one.

Batch 1, no caches, full attention matrices. Works in the float dtype of the weights; only the
rotations and the time embedding's angles are computed in float64 whatever that is.
Letters as in inference/multitalk/models; also s tokens of one latent frame, m context tokens of one
person.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from tests.support.plain.layers import (
    Weights,
    affine_norm,
    attend,
    attention_map,
    linear,
    norm,
    rms_norm,
    rotary_angles,
    rotate,
    split_heads,
    under,
    video_angles,
)
from tests.support.plain.masks import token_masks

Config = Mapping[str, Any]

# Places of the two persons and the background on the L-RoPE axis; spec section 6.2
PERSON_STARTS = (0.0, 20.0)
PERSON_SPAN = 4.0
BACKGROUND_PLACE = 12.0
PERSON_KEY_PLACES = (2.0, 22.0)


def velocity(
    weights: Weights,
    config: Config,
    x: Tensor,
    timestep: float,
    context: Tensor,
    clip_features: Tensor,
    y: Tensor,
    audio_windows: Tensor,
    masks: Tensor | None,
) -> Tensor:
    """Velocity (out_dim, t, h, w) of the noisy latent x (16, t, h, w) at a timestep of 0 to 1000.

    context (n, text_dim), n <= text_len; clip_features (1, 257, clip_dim); y (20, t, h, w);
    audio_windows (p, f, window, layers, channels), with p = 1 and zeros for no audio;
    masks (3, h, w) of 0 and 1: person 1, person 2, background; unused when p = 1. Spec section 6.
    """
    dtype = weights["patch_embedding.weight"].dtype
    latent = torch.cat([x, y]).to(dtype)  # (c, t, h, w)
    pt, ph, pw = config["patch_size"]
    grid = (latent.shape[1] // pt, latent.shape[2] // ph, latent.shape[3] // pw)

    order = "c (t i) (h j) (w k) -> (t h w) (c i j k)"
    patches = rearrange(latent, order, i=pt, j=ph, k=pw)  # (l, c)
    stem = weights["patch_embedding.weight"].flatten(1)
    hidden = patches @ stem.T + weights["patch_embedding.bias"]  # (l, c)

    e, e0 = _time(weights, config, timestep)
    text = _text(weights, config, context.to(dtype))
    image = _image(weights, clip_features[0].to(dtype))
    audio = audio_tokens(weights, config, audio_windows.to(dtype))  # (p, t, m, c)
    areas = None
    if len(audio) > 1:
        assert len(audio) == 2 and masks is not None
        areas = token_masks(masks.to(dtype))  # (3, s)
    for index in range(config["num_layers"]):
        block = under(weights, f"blocks.{index}.")
        hidden = _block(block, config, hidden, e0, text, image, audio, areas, grid)

    shift, scale = (weights["head.modulation"] + e)[0].unbind()  # (c) each
    out = linear(weights, "head.head", norm(hidden, config["eps"]) * (1 + scale) + shift)
    t, h, w = grid
    order = "(t h w) (i j k c) -> c (t i) (h j) (w k)"
    return rearrange(out, order, t=t, h=h, w=w, i=pt, j=ph, k=pw)


def audio_windows(features: Tensor, start: int, frames: int, window: int = 5) -> Tensor:
    """Neighbourhoods (f, window, layers, channels) of the video frames from start on.

    features: (s, layers, channels), one row for each video frame of the whole recording; rows
    before its beginning or after its end are the first or the last one. Spec section 3, point 6.
    """
    out = []
    for frame in range(start, start + frames):
        rows = [frame + offset - window // 2 for offset in range(window)]
        out.append(torch.stack([features[min(max(row, 0), len(features) - 1)] for row in rows]))
    return torch.stack(out)


def audio_tokens(weights: Weights, config: Config, audio_windows: Tensor) -> Tensor:
    """Audio tokens (p, t, context_tokens, output_dim) of windows (p, f, window, layers, channels).

    The first video frame has its whole window; of the four frames of a later latent frame, the
    first gives the window up to its middle, the last from its middle on, the others the middle.
    AudioProjModel, spec section 3, points 7 and 8.
    """
    middle = audio_windows.shape[2] // 2
    stride = config.get("vae_scale", 4)
    first = audio_windows[:, :1]  # (p, 1, window, layers, channels)
    later = rearrange(audio_windows[:, 1:], "p (t i) v a c -> p t i v a c", i=stride)
    left = later[:, :, 0, : middle + 1]  # (p, t, v, layers, channels)
    between = later[:, :, 1:-1, middle]
    right = later[:, :, -1, middle:]
    later = torch.cat([left, between, right], dim=2)

    head = F.relu(linear(weights, "audio_proj.proj1", first.flatten(2)))
    tail = F.relu(linear(weights, "audio_proj.proj1_vf", later.flatten(2)))
    hidden = torch.cat([head, tail], dim=1)  # (p, t, c)
    hidden = F.relu(linear(weights, "audio_proj.proj2", hidden))
    hidden = linear(weights, "audio_proj.proj3", hidden)
    tokens = rearrange(hidden, "p t (m c) -> p t m c", m=config["context_tokens"])
    return affine_norm(weights, "audio_proj.norm", tokens, 1e-5)


def reference_scores(q: Tensor, k_first: Tensor, masks: Tensor) -> Tensor:
    """Scores (3, l): how much each token looks at person 1, person 2 and the background.

    q (n, l, d) and k_first (n, s, d), the keys of the first latent frame, both after RoPE;
    masks (3, s) of the tokens, 0 or 1. An empty mask gives NaN. Spec section 6.2.
    """
    maps = attention_map(q, k_first)  # (n, l, s)
    rows = []
    for mask in masks.to(q.dtype):
        rows.append(((maps * mask).sum(dim=-1) / mask.sum()).mean(dim=0))
    return torch.stack(rows)


def _time(weights: Weights, config: Config, timestep: float) -> tuple[Tensor, Tensor]:
    # -> e (1, c) and its projection e0 (1, 6, c)
    half = config["freq_dim"] // 2
    k = torch.arange(half, dtype=torch.float64)
    angles = timestep * torch.pow(10000.0, -k / half)
    waves = torch.cat([angles.cos(), angles.sin()])[None].to(weights["time_embedding.0.weight"])
    e = linear(weights, "time_embedding.2", F.silu(linear(weights, "time_embedding.0", waves)))
    e0 = linear(weights, "time_projection.1", F.silu(e))
    return e, rearrange(e0, "b (i c) -> b i c", i=6)


def _text(weights: Weights, config: Config, context: Tensor) -> Tensor:
    # (n, text_dim) -> (text_len, c); zero rows fill up before the MLP and are attended to
    padded = context.new_zeros(config["text_len"], context.shape[1])
    padded[: len(context)] = context
    hidden = F.gelu(linear(weights, "text_embedding.0", padded), approximate="tanh")
    return linear(weights, "text_embedding.2", hidden)


def _image(weights: Weights, features: Tensor) -> Tensor:
    # (257, clip_dim) -> (257, c)
    hidden = affine_norm(weights, "img_emb.proj.0", features, 1e-5)
    hidden = F.gelu(linear(weights, "img_emb.proj.1", hidden))
    hidden = linear(weights, "img_emb.proj.3", hidden)
    return affine_norm(weights, "img_emb.proj.4", hidden, 1e-5)


def _block(
    block: Weights,
    config: Config,
    x: Tensor,  # (l, c)
    e0: Tensor,  # (1, 6, c)
    text: Tensor,  # (text_len, c)
    image: Tensor,  # (257, c)
    audio: Tensor,  # (p, t, m, c)
    areas: Tensor | None,  # (3, s)
    grid: tuple[int, int, int],  # tokens along t, h, w
) -> Tensor:
    eps = config["eps"]
    modulation = (block["modulation"] + e0)[0]  # (6, c)
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation.unbind()  # (c) each

    a = norm(x, eps) * (1 + scale1) + shift1
    attended, q, k = _self_attend(under(block, "self_attn."), config, a, grid)
    x = x + gate1 * attended

    a = affine_norm(block, "norm3", x, eps)
    x = x + _cross_attend(under(block, "cross_attn."), config, a, text, image)

    places = None
    if areas is not None:
        places = _places(reference_scores(q, k[:, : areas.shape[1]], areas))
    a = affine_norm(block, "norm_x", x, eps)
    x = x + _audio_attend(under(block, "audio_cross_attn."), config, a, audio, places)

    a = norm(x, eps) * (1 + scale2) + shift2
    hidden = F.gelu(linear(block, "ffn.0", a), approximate="tanh")
    return x + gate2 * linear(block, "ffn.2", hidden)


def _self_attend(
    part: Weights, config: Config, a: Tensor, grid: tuple[int, int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    # -> result (l, c), and the rotated q and k (n, l, d)
    heads, eps = config["num_heads"], config["eps"]
    q = split_heads(rms_norm(part, "norm_q", linear(part, "q", a), eps), heads)
    k = split_heads(rms_norm(part, "norm_k", linear(part, "k", a), eps), heads)
    v = split_heads(linear(part, "v", a), heads)
    angles = video_angles(grid, q.shape[-1])
    q, k = rotate(q, angles), rotate(k, angles)
    return linear(part, "o", attend(q, k, v)), q, k


def _cross_attend(part: Weights, config: Config, a: Tensor, text: Tensor, image: Tensor) -> Tensor:
    heads, eps = config["num_heads"], config["eps"]
    q = split_heads(rms_norm(part, "norm_q", linear(part, "q", a), eps), heads)
    k = split_heads(rms_norm(part, "norm_k", linear(part, "k", text), eps), heads)
    v = split_heads(linear(part, "v", text), heads)
    k_img = split_heads(rms_norm(part, "norm_k_img", linear(part, "k_img", image), eps), heads)
    v_img = split_heads(linear(part, "v_img", image), heads)
    return linear(part, "o", attend(q, k, v) + attend(q, k_img, v_img))


def _audio_attend(
    part: Weights,
    config: Config,
    a: Tensor,  # (l, c)
    audio: Tensor,  # (p, t, m, c)
    places: Tensor | None,  # (l)
) -> Tensor:
    heads = config["num_heads"]
    _, frames, tokens, _ = audio.shape
    q = split_heads(linear(part, "q_linear", a), heads)  # (n, l, d)
    if places is not None:
        q = rotate(q, rotary_angles(places, q.shape[-1]))
    out = []
    for frame, q_frame in enumerate(q.chunk(frames, dim=1)):  # (n, s, d)
        keys_values = linear(part, "kv_linear", audio[:, frame].flatten(0, 1))  # (p m, 2 c)
        k, v = (split_heads(half, heads) for half in keys_values.chunk(2, dim=-1))  # (n, p m, d)
        if places is not None:
            key_places = torch.tensor(PERSON_KEY_PLACES).repeat_interleave(tokens)
            k = rotate(k, rotary_angles(key_places.to(k.device), k.shape[-1]))
        out.append(attend(q_frame, k, v))
    return linear(part, "proj", torch.cat(out))


def _places(scores: Tensor) -> Tensor:
    # (3, l) -> (l): each token's place on the L-RoPE axis, in the range of what it looks at most
    low, high = scores.amin(dim=1, keepdim=True), scores.amax(dim=1, keepdim=True)
    first, second, _ = ((scores - low) / (high - low + 1e-8) * PERSON_SPAN).unbind()  # (l) each
    background = torch.full_like(first, BACKGROUND_PLACE)
    places = torch.stack([first + PERSON_STARTS[0], second + PERSON_STARTS[1], background])
    return places.gather(0, scores.argmax(dim=0, keepdim=True))[0]
