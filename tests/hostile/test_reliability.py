"""What the documents promise, tests hold; of the faults of each stage, no more and no less."""

import re
from collections import Counter

import pytest

from tests.hostile.reliability import DOCUMENT, FAULTS, NONE, STAGES, find_held, render
from tests.support.media import ROOT


def test_the_document_is_written_from_the_tests() -> None:
    assert DOCUMENT.read_text() == render(), "run: make reliability"


def test_every_stage_has_an_answer_to_every_fault() -> None:
    held = Counter((each.stage, each.fault) for each in find_held())
    everything = {(stage, fault) for stage in STAGES for fault in FAULTS}
    assert everything == held.keys() | NONE.keys()
    assert not held.keys() & NONE.keys()


def test_a_promise_is_a_few_words() -> None:
    for each in find_held():
        assert each.says[-1] != "." and len(each.says) <= 60, each


@pytest.mark.parametrize("document", ["SECURITY.md", "docs/reliability.md"])
def test_every_test_that_a_document_names_is_there(document: str) -> None:
    path = ROOT / document
    named = re.findall(r'\]\(([^) ]*\.py) "(\w+)"\)', path.read_text())
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (path.parent / file).read_text(), (file, test)
