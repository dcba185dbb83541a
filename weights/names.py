"""Mapping of tensor names in published files to the networks' own names, and uses of tensors.

Wan's transformer is published under its own names or Diffusers'; encoders under Transformers'.
"""

import re
from typing import Literal

# Diffusers' names for Wan's transformer, as regular expressions, and Wan's own names.
_BLOCK = r"^(blocks\.\d+)\."
_DIFFUSERS = [
    (re.compile(pattern), wan)
    for pattern, wan in (
        (_BLOCK + r"attn1\.to_([qkv])\.", r"\1.self_attn.\2."),
        (_BLOCK + r"attn1\.to_out\.0\.", r"\1.self_attn.o."),
        (_BLOCK + r"attn1\.(norm_[qk])\.", r"\1.self_attn.\2."),
        (_BLOCK + r"attn2\.to_([qkv])\.", r"\1.cross_attn.\2."),
        (_BLOCK + r"attn2\.to_out\.0\.", r"\1.cross_attn.o."),
        (_BLOCK + r"attn2\.(norm_[qk])\.", r"\1.cross_attn.\2."),
        (_BLOCK + r"attn2\.add_([kv])_proj\.", r"\1.cross_attn.\2_img."),
        (_BLOCK + r"attn2\.norm_added_k\.", r"\1.cross_attn.norm_k_img."),
        (_BLOCK + r"norm2\.", r"\1.norm3."),
        (_BLOCK + r"ffn\.net\.0\.proj\.", r"\1.ffn.0."),
        (_BLOCK + r"ffn\.net\.2\.", r"\1.ffn.2."),
        (_BLOCK + r"scale_shift_table$", r"\1.modulation"),
        (r"^condition_embedder\.text_embedder\.linear_1\.", "text_embedding.0."),
        (r"^condition_embedder\.text_embedder\.linear_2\.", "text_embedding.2."),
        (r"^condition_embedder\.time_embedder\.linear_1\.", "time_embedding.0."),
        (r"^condition_embedder\.time_embedder\.linear_2\.", "time_embedding.2."),
        (r"^condition_embedder\.time_proj\.", "time_projection.1."),
        (r"^condition_embedder\.image_embedder\.norm1\.", "img_emb.proj.0."),
        (r"^condition_embedder\.image_embedder\.ff\.net\.0\.proj\.", "img_emb.proj.1."),
        (r"^condition_embedder\.image_embedder\.ff\.net\.2\.", "img_emb.proj.3."),
        (r"^condition_embedder\.image_embedder\.norm2\.", "img_emb.proj.4."),
        (r"^scale_shift_table$", "head.modulation"),
        (r"^proj_out\.", "head.head."),
    )
]
_IMAGE_PREFIX, _AUDIO_PREFIX = "vision_model.", "wav2vec2."
_SHARED_TEXT = "encoder.embed_tokens.weight"  # the same tensor as shared.weight
# Tensors in files that the network doesn't have: position indices, and parts for training only.
_UNUSED = re.compile(
    r"^(embeddings\.position_ids|(visual_projection|quantizer|project_q|project_hid|lm_head)\..*)$"
)
# torch's old and new suffixes of a weight-normalised parameter.
_WEIGHT_NORM = {".weight_g": ".original0", ".weight_v": ".original1"}
# Tensors stored as 8-bit numbers in an 8-bit set: the matrices of the transformer's blocks, 97 %.
_QUANTISED = re.compile(r"blocks\.\d+\..+\.weight")
# Use of a block's parameter: it projects the prompt, the picture or the voices, once a window each,
# or it runs in every step.
Use = Literal["text", "image", "voice", "step"]
_WINDOW_USES: dict[Use, tuple[str, ...]] = {
    "text": ("cross_attn.k.", "cross_attn.v.", "cross_attn.norm_k."),
    "image": ("cross_attn.k_img.", "cross_attn.v_img.", "cross_attn.norm_k_img."),
    "voice": ("audio_cross_attn.kv_linear.",),
}


def to_network_name(part: str, name: str) -> str | None:
    """Return the network's name for the tensor `name` of a file; None if it has no such tensor.

    The network's own names, and unknown ones, are returned unchanged.
    """
    if part == "transformer":
        for pattern, wan in _DIFFUSERS:
            if pattern.search(name):
                return pattern.sub(wan, name)
        return name
    if part == "image":
        name = name.removeprefix(_IMAGE_PREFIX)
    if part == "audio":
        name = name.removeprefix(_AUDIO_PREFIX)
        for old, new in _WEIGHT_NORM.items():
            if name.endswith(old):
                name = f"{name.removesuffix(old)}.parametrizations.weight{new}"
    if name == _SHARED_TEXT or _UNUSED.match(name):
        return None
    return name


def is_quantised(name: str, dimensions: int) -> bool:
    """Return whether an 8-bit set stores the transformer's tensor `name` in 8 bits."""
    return dimensions == 2 and _QUANTISED.fullmatch(name) is not None


def find_use(parameter: str) -> Use:
    """Return the use of a block's `parameter`."""
    return next(
        (use for use, starts in _WINDOW_USES.items() if parameter.startswith(starts)), "step"
    )
