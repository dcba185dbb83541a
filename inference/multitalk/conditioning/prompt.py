"""What is written about the scene, as the text encoder reads it."""

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

# umT5's special tokens, with the ids that it was trained with.
_SPECIAL_TOKENS = {"pad": ("<pad>", 0), "eos": ("</s>", 1), "bos": ("<s>", 2), "unk": ("<unk>", 3)}


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


def read_tokenizer(folder: Path) -> Tokenizer:
    """umT5's tokenizer as its `tokenizer.json` has it, whatever lies beside that: how a text is
    split, and that it ends. Raises MisfitError when it can't be read, or is another one's."""
    file = folder / "tokenizer.json"
    names = {f"{name}_token": token for name, (token, _) in _SPECIAL_TOKENS.items()}
    try:
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file), **names)
    except Exception as error:  # the library raises no narrower one
        raise MismatchError(f"{file} can't be read: {error}") from error
    for token, wanted in _SPECIAL_TOKENS.values():
        found = tokenizer.convert_tokens_to_ids(token)  # new ones come last
        if found != wanted:
            raise MismatchError(f"{file} has {token} as number {found}, and {wanted} is wanted")
    if tokenizer("")["input_ids"][-1:] != [tokenizer.eos_token_id]:
        raise MismatchError(f"{file} does not end a text with {tokenizer.eos_token}")
    return cast(Tokenizer, tokenizer)


def clean_text(text: str) -> str:
    """`text` with broken characters mended, HTML entities resolved and white space collapsed."""
    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def encode_texts(
    encoder: TextEncoder, tokenizer: Tokenizer, texts: Sequence[str], longest: int
) -> list[Tensor]:
    """Each text's features (n, c), n being its tokens; what goes over `longest` is left out."""
    tokens = tokenizer(
        [clean_text(text) for text in texts],
        padding=True,
        truncation=True,
        max_length=longest,
        return_tensors="pt",
    )
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        return encoder.encode(tokens["input_ids"].to(device), tokens["attention_mask"].to(device))
