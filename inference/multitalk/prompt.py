"""What is written about the scene, as the text encoder reads it."""

import html
from collections.abc import Sequence
from typing import Protocol

import ftfy
import torch
from torch import Tensor

from inference.models.encoders import TextEncoder

# What the model was taught to keep away from, published with it.
NEGATIVE = (
    "bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, "
    "images, static, overall gray, worst quality, low quality, JPEG compression residue, ugly, "
    "incomplete, extra fingers, poorly drawn hands, poorly drawn faces, deformed, disfigured, "
    "misshapen limbs, fused fingers, still picture, messy background, three legs, many people in "
    "the background, walking backwards"
)
# Where the person wrote nothing, by the number of speakers.
DEFAULTS = {
    1: "A person talks to the camera with natural expression, lips, eyes and head moving slightly.",
    2: "Two people have a lively conversation, facing the camera, each moving when they speak.",
}


class Tokenizer(Protocol):
    """As in transformers: texts to `input_ids` and `attention_mask`, the end token added."""

    def __call__(
        self,
        text: Sequence[str],
        *,
        padding: bool,
        truncation: bool,
        max_length: int,
        return_tensors: str,
    ) -> dict[str, Tensor]: ...


def cleaned(text: str) -> str:
    """`text` with broken characters mended, HTML entities resolved and white space collapsed."""
    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def text_features(
    encoder: TextEncoder, tokenizer: Tokenizer, texts: Sequence[str], longest: int
) -> list[Tensor]:
    """Each text's features (n, c), n being its tokens; what goes over `longest` is left out."""
    tokens = tokenizer(
        [cleaned(text) for text in texts],
        padding=True,
        truncation=True,
        max_length=longest,
        return_tensors="pt",
    )
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        return encoder.features(tokens["input_ids"].to(device), tokens["attention_mask"].to(device))
