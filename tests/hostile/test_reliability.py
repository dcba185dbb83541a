"""The document of what becomes of work when something fails says what tests hold, no more."""

from collections import Counter

from tests.hostile.reliability import DOCUMENT, FAULTS, NONE, STAGES, find_held, render


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
