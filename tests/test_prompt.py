"""What is written of a scene reaches the text encoder clean and no longer than it may be."""

import pytest
from transformers import ByT5Tokenizer

from inference.models.registry import MODELS, initialised
from inference.multitalk.prompt import DEFAULTS, NEGATIVE, cleaned, text_features

ENCODER = initialised(MODELS["multitalk-tiny"], 0).text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  a\n\tb  ", "a b"),
        ("fish &amp;amp; chips", "fish & chips"),
        ("schÃ¶n", "schön"),
        ("", ""),
    ],
)
def test_text_is_cleaned_as_for_the_original(text: str, clean: str) -> None:
    assert cleaned(text) == clean


def test_each_text_has_a_row_for_each_token_and_one_for_its_end() -> None:
    features = text_features(ENCODER, ByT5Tokenizer(), ["", "abc", "abcdefgh"], 512)
    assert [len(rows) for rows in features] == [1, 4, 9]
    alone = text_features(ENCODER, ByT5Tokenizer(), ["abc"], 512)[0]
    assert (alone - features[1]).abs().max() < 1e-5  # what it is padded with does not count


def test_what_is_too_long_is_cut() -> None:
    assert len(text_features(ENCODER, ByT5Tokenizer(), ["x" * 3000], 512)[0]) == 512


def test_the_texts_of_our_own_fit() -> None:
    texts = [NEGATIVE, *DEFAULTS.values()]
    features = text_features(ENCODER, ByT5Tokenizer(), texts, 512)
    assert [len(rows) for rows in features] == [len(text) + 1 for text in texts]
