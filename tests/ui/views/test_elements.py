"""The small pieces: whatever comes in is only ever text."""

from datetime import UTC, datetime

from tests.support.markup import tree
from ui.views.elements import attributes, button, day, message, moment, sentence, switch

HOSTILE = "\"><i x='1'>&"


def test_every_piece_escapes_what_it_is_given() -> None:
    pieces = [
        button(HOSTILE, data_do=HOSTILE),
        message(HOSTILE, HOSTILE),
        switch("name", HOSTILE, {HOSTILE: (HOSTILE, HOSTILE)}, HOSTILE),
        sentence(f"{HOSTILE} {{day}}", day=day(datetime(2026, 11, 3, tzinfo=UTC))),
    ]
    for piece in pieces:
        root = tree(piece)
        assert not [node for node in root.walk() if "x" in node.attributes], piece
        assert HOSTILE in root.words


def test_attributes_that_are_not_there_are_left_out() -> None:
    assert attributes(data_do="x", for_="y", open=True, hidden=False, role=None, value=0) == (
        ' data-do="x" for="y" open value="0"'
    )


def test_times_are_there_for_programs_and_for_people() -> None:
    at = datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    (when,) = tree(moment(at)).all("time")
    assert when.attributes["datetime"] == "2026-11-03T09:05:00+00:00"
    assert when.words == "3 November, 09:05 UTC"
    assert tree(day(at)).words == "3 November"


def test_a_warning_does_not_interrupt_a_screen_reader() -> None:
    assert tree(message("Broken.")).all(role="alert")
    assert not tree(message("Small.", look=True)).all(role="alert")
