"""How tensors are called in files as they are found, and what the networks call them.

Wan's transformer comes with its own names or with Diffusers'; encoders as Transformers saved them.
"""

import re
from typing import Literal

# Diffusers' names of Wan's transformer, as regular expressions, and Wan's own.
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
# What files hold beside the network: positions that are counted out, and parts for training only.
_UNUSED = re.compile(
    r"^(embeddings\.position_ids|(visual_projection|quantizer|project_q|project_hid|lm_head)\..*)$"
)
# torch's old way of writing a normalised weight, and its new one.
_WEIGHT_NORM = {".weight_g": ".original0", ".weight_v": ".original1"}
# What an 8-bit set keeps in 8 bits: the matrices of the transformer's blocks, 97 % of it.
_QUANTISED = re.compile(r"blocks\.\d+\..+\.weight")
# What of a block is used: its projections of the prompt, the picture or the voices, each once a
# window; and all the rest, in every step.
Use = Literal["text", "image", "voice", "step"]
_WINDOW_USES: dict[Use, tuple[str, ...]] = {
    "text": ("cross_attn.k.", "cross_attn.v.", "cross_attn.norm_k."),
    "image": ("cross_attn.k_img.", "cross_attn.v_img.", "cross_attn.norm_k_img."),
    "voice": ("audio_cross_attn.kv_linear.",),
}


def to_network_name(part: str, name: str) -> str | None:
    """What the network `part` calls the tensor `name` of a file; None: it has no use for it.

    Names that are the network's already, and ones that nobody knows, stay as they are.
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
    """Whether an 8-bit set keeps the transformer's tensor `name` in 8 bits."""
    return dimensions == 2 and _QUANTISED.fullmatch(name) is not None


def find_use(parameter: str) -> Use:
    """What the parameter of this name in a block is used for."""
    return next(
        (use for use, starts in _WINDOW_USES.items() if parameter.startswith(starts)), "step"
    )
