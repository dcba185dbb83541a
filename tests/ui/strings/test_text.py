"""What the page says: in plain words, with units, and nothing left unfilled."""

import re
import string
from pathlib import Path

import pytest

from inference.core.errors import InputCode, InputError
from inference.core.events import StageName
from inference.core.inputs import MAX_PICTURE_MIB, Recording
from inference.core.plan import Estimate
from ui.strings import browser_text, text, wording
from ui.web.document import build_words

STATIC = Path(text.__file__).parents[1] / "static"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "Working"),
        (0.2, "About 1 s left"),
        (12.2, "About 13 s left"),
        (60, "About 1 min left"),
        (99.5, "About 1 min 40 s left"),
    ],
)
def test_time_left_in_words(seconds: float | None, said: str) -> None:
    assert wording.time_left(seconds) == said


@pytest.mark.parametrize(
    ("amount", "said"), [(0.0, "$0.00"), (0.001, "$0.01"), (0.114, "$0.11"), (2.5, "$2.50")]
)
def test_what_costs_anything_costs_at_least_a_cent(amount: float, said: str) -> None:
    assert wording.dollars(amount) == said


def test_every_stage_has_words() -> None:
    for name in StageName:
        assert wording.stage(name, done=False) and wording.stage(name, done=True)


@pytest.mark.parametrize(
    ("level_dbfs", "said"), [(-20.0, "level is good"), (-40.0, "level is low: it will be raised")]
)
def test_a_recording_s_level_is_told(level_dbfs: float, said: str) -> None:
    recording = Recording(96_000, 1, level_dbfs + 10, level_dbfs)
    assert wording.recording_summary(recording) == f"2.00 s, {said}"


def test_too_long_is_said_without_the_command_line_s_way_out() -> None:
    error = InputError(
        InputCode.TOO_LONG,
        "This recording is 62 s long; 40 s is the most. Choose the part to use (--trim 0-40).",
    )
    said = "This recording is 62 s long; 40 s is the most. Choose the part to use."
    assert text.refusal(error) == said
    assert text.refusal(InputError(InputCode.SILENT, "As it is.")) == "As it is."


def test_the_price_of_going_on_is_said() -> None:
    assert wording.interrupted_lead(1, 0.07) == (
        "The machine went away after window 1. Going on costs about $0.07 more."
    )
    assert wording.interrupted_lead(0, 0.0) == (
        "The machine went away before the first window was finished. Going on is free."
    )
    assert wording.interrupted_lead(2, None) == "The machine went away after window 2."


def test_a_price_that_is_none_is_not_said() -> None:
    assert wording.price(Estimate(64.0, 0.07, "table")) == ("about 1 min 4 s", "about $0.07")
    assert wording.price(Estimate(64.0, 0.0, "table")) == ("about 1 min 4 s",)
    assert wording.cost(Estimate(64.0, 0.0, "table")) == "about 1 min 4 s"
    assert (wording.time_and_cost(57, None), wording.time_and_cost_sentence(57, None)) == (
        "57 s",
        "Made in 57 s.",
    )


def test_the_browser_has_every_sentence_that_its_scripts_ask_for() -> None:
    asked = set()
    for script in STATIC.glob("*.js"):
        asked |= set(re.findall(r"""\bwords\(\s*["'](\w+)["']""", script.read_text()))
    assert asked and asked <= build_words().keys()


def test_sentences_for_the_browser_are_whole() -> None:
    for name, sentence in text.for_browser().items():
        assert sentence == sentence.strip() != ""
        fields = [field for _, field, _, _ in string.Formatter().parse(sentence) if field]
        assert all(re.fullmatch(r"[a-z]+", field) for field in fields), name
    assert text.for_browser()["pictureLimitMib"] == str(MAX_PICTURE_MIB)


def test_whoever_changes_the_browser_s_sentences_changes_only_a_copy() -> None:
    browser_text.for_browser().clear()
    assert browser_text.for_browser()
