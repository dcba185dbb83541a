"""What is written about the scene, as the text encoder reads it."""

import html
from collections.abc import Sequence
from typing import Protocol

import ftfy
import torch
from torch import Tensor

from inference.models.encoders import TextEncoder


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
