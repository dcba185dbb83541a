"""What is written about the scene reaches the text encoder clean, whole and not too long."""

import pytest
import torch
from transformers import ByT5Tokenizer

from inference.multitalk.prompt import cleaned, text_features
from presets.scenes import DEFAULTS, NEGATIVE
from tests.small import loaded

END = 1  # the end token's id
FIRST_BYTE = 3  # id of the byte 0


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  a  man\n\tspeaks ", "a man speaks"),
        ("caf\u00c3\u00a9", "caf\u00e9"),  # UTF-8 that was read as Latin-1
        ("Tom &amp; Ann", "Tom & Ann"),
        ("Tom &amp;amp; Ann", "Tom & Ann"),
        ("a&nbsp;b", "a b"),
        ("\u201cquiet\u201d", '"quiet"'),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_a_text_is_cleaned(text: str, clean: str) -> None:
    assert cleaned(text) == clean


def features(*texts: str, longest: int = 512) -> list[torch.Tensor]:
    return text_features(loaded().networks.text, ByT5Tokenizer(), texts, longest)


def test_each_text_has_a_row_for_each_of_its_tokens_and_its_end() -> None:
    width = loaded().networks.transformer.params.text_dim
    rows = features("hello", "a longer one", "caf\u00e9")
    assert [row.shape for row in rows] == [(6, width), (13, width), (6, width)]


def test_how_long_the_other_text_is_makes_no_difference() -> None:
    together = features("hello", "a much longer text than that")[0]
    torch.testing.assert_close(together, features("hello")[0])
    assert not torch.allclose(features("howdy")[0], together, atol=1e-3)


def test_a_text_that_is_too_long_is_cut_and_still_ends() -> None:
    (cut,) = features("a" * 30, longest=12)
    assert cut.shape[0] == 12
    ids = torch.tensor([[FIRST_BYTE + ord("a")] * 11 + [END]])
    with torch.inference_mode():
        (wanted,) = loaded().networks.text.features(ids, torch.ones_like(ids))
    torch.testing.assert_close(cut, wanted)


def test_a_text_of_just_the_longest_length_is_whole() -> None:
    torch.testing.assert_close(features("a" * 11, longest=12)[0], features("a" * 11)[0])


def test_an_empty_text_is_its_end() -> None:
    (row,) = features("")
    assert row.shape[0] == 1 and row.isfinite().all()
    torch.testing.assert_close(features(" \n ")[0], row)


def test_what_stands_in_for_a_prompt_is_clean_and_fits() -> None:
    longest = loaded().networks.transformer.params.text_len
    assert set(DEFAULTS) == {1, 2}
    for text in (NEGATIVE, *DEFAULTS.values()):
        assert cleaned(text) == text and 0 < len(text) < longest
