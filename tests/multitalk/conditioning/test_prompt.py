"""What is written about the scene reaches the text encoder clean, whole and not too long."""

import json
from pathlib import Path

import pytest
import torch
from transformers import ByT5Tokenizer

from inference.multitalk.conditioning.prompt import clean_text, encode_texts, read_tokenizer
from presets.scenes import DEFAULT_PROMPTS, NEGATIVE_PROMPT
from tests.support import tiny_weights
from tests.support.tiny_networks import loaded
from weights.tensors import MismatchError

PAD, END = 0, 1  # ids of what fills up, and of the end
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
    assert clean_text(text) == clean


def features(*texts: str, longest: int = 512) -> list[torch.Tensor]:
    return encode_texts(loaded().networks.text, ByT5Tokenizer(), texts, longest)


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
        (wanted,) = loaded().networks.text.encode(ids, torch.ones_like(ids))
    torch.testing.assert_close(cut, wanted)


def test_a_text_of_just_the_longest_length_is_whole() -> None:
    torch.testing.assert_close(features("a" * 11, longest=12)[0], features("a" * 11)[0])


def test_an_empty_text_is_its_end() -> None:
    (row,) = features("")
    assert row.shape[0] == 1 and row.isfinite().all()
    torch.testing.assert_close(features(" \n ")[0], row)


def ids(folder: Path, *texts: str, longest: int = 512) -> list[list[int]]:
    tokens = read_tokenizer(folder)(
        texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"
    )
    assert tokens["attention_mask"].equal(tokens["input_ids"].ne(PAD).long())
    return [list(map(int, row)) for row in tokens["input_ids"]]


@pytest.fixture
def umt5(tmp_path: Path) -> Path:
    """A tokenizer's folder with nothing but the file that counts."""
    tiny_weights.tokenizer().save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.mark.parametrize("beside", [None, {}, {"tokenizer_class": "T5Tokenizer", "extra_ids": 300}])
def test_the_tokenizer_is_as_its_file_has_it_whatever_lies_beside(
    umt5: Path, beside: dict[str, object] | None
) -> None:
    for name in ("tokenizer_config", "special_tokens_map") if beside is not None else ():
        (umt5 / f"{name}.json").write_text(json.dumps(beside))
    # padding, the end, the start, what is unknown, the space that comes first, letters
    assert ids(umt5, "ab c", "a", "", "7") == [
        [4, 5, 6, 4, 7, END],
        [4, 5, END, PAD, PAD, PAD],
        [END, PAD, PAD, PAD, PAD, PAD],
        [4, 3, END, PAD, PAD, PAD],
    ]
    assert ids(umt5, "<s>a</s>") == [[2, 4, 5, END, END]]


def test_a_text_is_cut_before_its_end(umt5: Path) -> None:
    assert ids(umt5, "abcabc", "a", longest=4) == [[4, 5, 6, END], [4, 5, END, PAD]]
    assert ids(umt5, "abc", longest=5) == [[4, 5, 6, 7, END]]


SWAPPED = ('["<s>", 0.0], ["<unk>", 0.0]', '["<unk>", 0.0], ["<s>", 0.0]')
ENDLESS = (', {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair"', '], "pair"')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (SWAPPED, "has <s> as number 3, and 2 is wanted"),
        (('"<s>"', '"<start>"'), "has <s> as number 35, and 2 is wanted"),
        (('"Unigram"', '"Other"'), "can't be read"),
        (ENDLESS, "does not end a text with </s>"),
    ],
)
def test_another_tokenizer_is_refused(umt5: Path, change: tuple[str, str], says: str) -> None:
    file = umt5 / "tokenizer.json"
    text = json.dumps(json.loads(file.read_text()))
    assert change[0] in text
    file.write_text(text.replace(*change))
    with pytest.raises(MismatchError, match=f"{file} {says}"):
        read_tokenizer(umt5)


def test_what_stands_in_for_a_prompt_is_clean_and_fits() -> None:
    longest = loaded().networks.transformer.params.text_len
    assert set(DEFAULT_PROMPTS) == {1, 2}
    for text in (NEGATIVE_PROMPT, *DEFAULT_PROMPTS.values()):
        assert clean_text(text) == text and 0 < len(text) < longest
