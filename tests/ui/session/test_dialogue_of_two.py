"""How two speak: a recording that is cut and handed over part by part, and the order of two."""

from dataclasses import replace

import pytest

from inference.core.errors import InputError
from inference.core.inputs import Speaking, Trim
from inference.media.phrases import Phrase
from tests.support.sessions import LEFT, RIGHT, desk, voice
from ui.session.commands import parse_action
from ui.session.dialogue import find_parts
from ui.session.reducer import apply_action, set_voices
from ui.session.session import Choices, Session, StoredVoice

EARLY, LATE = (Phrase(0.0, 1.0), Phrase(2.0, 3.0)), (Phrase(1.1, 1.9), Phrase(3.0, 4.0))


def do(session: Session, name: str, **values: object) -> Session:
    return apply_action(parse_action({"do": name, **values}), session)


def saying(name: str, *phrases: Phrase) -> StoredVoice:
    return replace(voice(name, 4.0), phrases=phrases)


def opened(*phrases: Phrase) -> Session:
    """A recording of 4 s in the splitter."""
    lone = replace(desk(LEFT, RIGHT), voices=(saying("both.wav", *phrases), None))
    return do(lone, "edit", what="split")


def laid(session: Session) -> list[tuple[float, int]]:
    """Where each part begins, and whose it is."""
    parts = zip(find_parts(session), session.owners, strict=True)
    return [(part.start_s, owner) for part, owner in parts]


def test_a_recording_without_a_pause_is_cut_anywhere() -> None:
    whole = opened(Phrase(0.0, 4.0))
    assert laid(whole) == [(0.0, 0)]
    once = do(whole, "cut", at="2.5")
    assert laid(once) == [(0.0, 0), (2.5, 1)]
    twice = do(once, "cut", at=3.25)
    assert laid(twice) == [(0.0, 0), (2.5, 1), (3.25, 0)]
    assert laid(do(twice, "cut", at=2.6)) == [(0.0, 0), (3.25, 0)]  # that cut is removed
    for at in (0.1, 3.9):
        with pytest.raises(InputError, match="too near to the end"):
            do(whole, "cut", at=at)
    assert laid(opened()) == [(0.0, 0)]  # no phrase was found in it


def test_a_part_is_said_by_left_right_or_both() -> None:
    cut = do(opened(Phrase(0.0, 4.0)), "cut", at=2)
    both = do(do(cut, "hand-over", phrase=0), "hand-over", phrase=0)
    assert both.owners == (2, 1)
    assert do(both, "cut", at=1).owners == (2, 0, 1)
    assert do(both, "hand-over", phrase=0).owners == (0, 1)
    assert do(replace(both, whole=both.voices[0]), "swap").owners == (2, 0)


def test_a_split_of_before_is_cut_in_its_pauses() -> None:
    stored = replace(opened(*EARLY), cuts=(), owners=(1, 0))
    assert laid(stored) == [(0.0, 1), (1.5, 0)]
    assert laid(do(stored, "cut", at=3)) == [(0.0, 1), (1.5, 0), (3.0, 1)]
    assert find_parts(replace(stored, cuts=(3.0, 2.0), owners=(0, 1, 0))) == ()


def given(left: StoredVoice, right: StoredVoice) -> Session:
    """Two recordings, as they are laid."""
    return set_voices(desk(LEFT, RIGHT), (left, right))


def test_recordings_that_are_silent_in_turn_are_proposed_together() -> None:
    early, late = saying("a.wav", *EARLY), saying("b.wav", *LATE)
    assert given(early, late).choices.speaking is Speaking.TOGETHER
    assert given(early, early).choices.speaking is Speaking.IN_TURN
    assert given(early, saying("c.wav")).choices.speaking is Speaking.IN_TURN
    alone = do(given(early, late), "remove", slot=1)
    assert alone.choices.speaking is Speaking.IN_TURN  # the draft of one is found again


def test_what_the_visitor_chose_is_kept() -> None:
    early, late = saying("a.wav", *EARLY), saying("b.wav", *LATE)
    turn = do(given(early, late), "set", field="speaking", value="in-turn")
    assert do(turn, "swap").choices.speaking is Speaking.IN_TURN
    both = do(given(early, early), "set", field="speaking", value="together")
    assert do(both, "swap").choices.speaking is Speaking.TOGETHER


def test_swapping_keeps_the_part_where_its_times_stay() -> None:
    early, late = saying("a.wav", *EARLY), saying("b.wav", *LATE)
    part = Trim(1.0, 3.0)
    together = replace(given(early, late), choices=Choices(speaking=Speaking.TOGETHER, trim=part))
    assert do(together, "swap").choices.trim == part
    turn = replace(together, choices=Choices(speaking=Speaking.IN_TURN, trim=part))
    assert do(turn, "swap").choices.trim is None
