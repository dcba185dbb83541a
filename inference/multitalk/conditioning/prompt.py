"""Prompt conditioning: tokenizer, text cleaning and text features."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import ftfy
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from inference.multitalk.models.encoders import TextEncoder
from weights.tensors import MismatchError

# umT5's special tokens and their ids in training.
_SPECIAL_TOKENS = {"pad": ("<pad>", 0), "eos": ("</s>", 1), "bos": ("<s>", 2), "unk": ("<unk>", 3)}


class Tokenizer(Protocol):
    """Tokenizer of transformers: texts to `input_ids` and `attention_mask`, with an end token."""

    def __call__(
        self,
        text: Sequence[str],
        *,
        padding: bool,
        truncation: bool,
        max_length: int,
        return_tensors: str,
    ) -> dict[str, Tensor]: ...


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read umT5's tokenizer from `tokenizer.json` in `folder`, ignoring the files beside it.

    Raises MismatchError when the file can't be read, or special tokens are not those of umT5.
    """
    file = folder / "tokenizer.json"
    names = {f"{name}_token": token for name, (token, _) in _SPECIAL_TOKENS.items()}
    try:
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file), **names)
    except Exception as error:  # the library raises nothing narrower
        raise MismatchError(f"{file} can't be read: {error}") from error
    for token, wanted in _SPECIAL_TOKENS.values():
        found = tokenizer.convert_tokens_to_ids(token)  # unknown tokens get new ids at the end
        if found != wanted:
            raise MismatchError(f"{file} has {token} as number {found}, and {wanted} is wanted")
    if tokenizer("")["input_ids"][-1:] != [tokenizer.eos_token_id]:
        raise MismatchError(f"{file} does not end a text with {tokenizer.eos_token}")
    return cast(Tokenizer, tokenizer)


def clean_text(text: str) -> str:
    """Repair broken characters, unescape HTML and collapse white space."""
    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def encode_texts(
    encoder: TextEncoder, tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int
) -> list[Tensor]:
    """Encode each text to features (n, c), one row per token, truncated to `max_tokens`."""
    tokens = tokenizer(
        [clean_text(text) for text in texts],
        padding=True,
        truncation=True,
        max_length=max_tokens,
        return_tensors="pt",
    )
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        return encoder.encode(tokens["input_ids"].to(device), tokens["attention_mask"].to(device))
