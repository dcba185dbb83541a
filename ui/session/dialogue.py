"""Dialogue of two: typed lines, a recording that is split, the order of two recordings. Pure.

A recording that is split is cut into parts, each of which left, right or both say.
"""

import re
import unicodedata
from bisect import bisect
from dataclasses import replace
from string import digits

from inference.core.errors import InputCode, InputError
from inference.core.inputs import Speaking
from inference.media.phrases import (
    BOTH,
    MIN_PART_S,
    Phrase,
    alternate_speakers,
    are_complementary,
    cut_into_parts,
    find_cuts,
)
from inference.media.speech_synthesis import Line
from ui.session.requests import find_splittable_voice
from ui.session.session import Choices, Session, Voices
from ui.strings import text, voice_wording
from ui.strings.english import looks_english

MAX_SPOKEN_CHARS = 2000
_NUMBER_PREFIX = re.compile(r"\s*(1|2|left|right)\s*:(?!\d)(.*)", re.IGNORECASE)
_NAME_PREFIX = re.compile(r"\s*([^\W\d][\w .'-]{0,29}?)\s*:(.*)")
_SPEAKERS = {"1": 0, "left": 0, "2": 1, "right": 1}


def parse_lines(typed: str, two: bool) -> tuple[Line, ...]:
    """Return the lines to speak, in order; all are of speaker 0 unless `two` people speak.

    A prefix "1:", "2:", "Left:" or "Right:" names the speaker of this line and those after it; a
    time such as 1:30 is no prefix. If two people speak and each of several lines starts with a
    name, names work, too. Letters that are not Latin are left out. Raises InputError if the text
    can't be spoken.
    """
    if len(typed) > MAX_SPOKEN_CHARS:
        raise _build_refusal(voice_wording.text_too_long(len(typed), MAX_SPOKEN_CHARS))
    assigned = (
        replace(line, words=_leave_out(line.words)) for line in _assign_speakers(typed, two)
    )
    lines = tuple(line for line in assigned if _has_words(line.words))
    if not lines and (character := next(filter(_is_unreadable, typed), None)):
        raise _build_refusal(voice_wording.text_strange(character))
    if not lines:
        raise _build_refusal(text.TYPED_NO_WORDS if typed.strip() else text.TYPED_EMPTY)
    if not two and len({line.speaker for line in lines}) > 1:
        raise _build_refusal(text.TYPED_FOR_TWO)
    return lines if two else tuple(Line(0, line.words) for line in lines)


def warn_of_language(typed: str) -> str:
    """Return a sentence on what the English voice can't read well; "" if there is nothing."""
    if character := next(filter(_is_unreadable, typed), None):
        return voice_wording.text_left_out(character)
    return "" if looks_english(typed) else text.TYPED_FOREIGN


def find_parts(session: Session) -> tuple[Phrase, ...]:
    """Return the parts of the recording that is split, one for each owner; () when none is."""
    voice, owners = find_splittable_voice(session), session.owners
    if voice is None or not owners:
        return ()
    # a session of before was cut in the pauses only, and stored no cuts
    cuts = session.cuts if len(session.cuts) + 1 == len(owners) else find_cuts(voice.phrases)
    parts = cut_into_parts(cuts, voice.recording.duration_s)
    is_possible = len(parts) == len(owners) and all(part.end_s > part.start_s for part in parts)
    return parts if is_possible else ()


def open_splitter(session: Session) -> Session:
    """Return `session` with the split as it was, or cut in the pauses. Raises InputError."""
    voice = find_splittable_voice(session)
    if voice is None:
        raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
    if find_parts(session):
        return replace(session, editing="split")
    cuts, owners = find_cuts(voice.phrases), alternate_speakers(voice.phrases) or (0,)
    return replace(session, editing="split", cuts=cuts, owners=owners)


def hand_over(session: Session, index: int) -> Session:
    """Return `session` with a part given to the next: left, right, both."""
    owners = list(session.owners)
    if index < len(owners):
        owners[index] = (owners[index] + 1) % (BOTH + 1)
    return replace(session, owners=tuple(owners))


def swap_owners(owners: tuple[int, ...]) -> tuple[int, ...]:
    """Return the owners with left and right exchanged."""
    return tuple(owner if owner == BOTH else 1 - owner for owner in owners)


def toggle_cut(session: Session, at_s: float) -> Session:
    """Return `session` with a part cut: another one says what follows.

    At a cut the parts around it are joined. Raises InputError near the recording's ends.
    """
    parts, owners = find_parts(session), list(session.owners)
    if not parts:
        return session
    cuts = [part.start_s for part in parts[1:]]
    nearest = min(cuts, key=lambda cut: abs(cut - at_s), default=None)
    if nearest is not None and abs(nearest - at_s) < MIN_PART_S:
        index = cuts.index(nearest)
        del cuts[index], owners[index + 1]
    elif not MIN_PART_S <= at_s <= parts[-1].end_s - MIN_PART_S:
        raise InputError(InputCode.BAD_OPTION, text.CUT_PLACE)
    else:
        index = bisect(cuts, at_s)
        cuts.insert(index, at_s)
        owners.insert(index + 1, 1 if owners[index] == 0 else 0)
    return replace(session, cuts=tuple(cuts), owners=tuple(owners))


def speak_together(session: Session) -> Session:
    """Return `session` with two recordings that were one: they sound together."""
    choices = replace(session.choices, speaking=Speaking.TOGETHER, speaking_chosen=False)
    return replace(session, choices=choices)


def propose_speaking(choices: Choices, voices: Voices) -> Choices:
    """Return `choices` with the order that suits the recordings, unless the visitor chose one."""
    if choices.speaking_chosen:
        return choices
    left, right = voices
    together = left and right and are_complementary(left.phrases, right.phrases)
    return replace(choices, speaking=Speaking.TOGETHER if together else Speaking.IN_TURN)


def _assign_speakers(typed: str, two: bool) -> list[Line]:
    rows = [row for row in typed.splitlines() if row.strip()]
    named = [_NAME_PREFIX.fullmatch(row) for row in rows]
    if two and len(rows) > 1 and all(named) and not any(map(_NUMBER_PREFIX.fullmatch, rows)):
        return _assign_names([(found[1].casefold(), found[2]) for found in named if found])
    out, speaker = [], 0
    for row in rows:
        words = row
        if found := _NUMBER_PREFIX.fullmatch(row):
            speaker, words = _SPEAKERS[found[1].casefold()], found[2]
        out.append(Line(speaker, words.strip()))
    return out


def _assign_names(rows: list[tuple[str, str]]) -> list[Line]:
    """Return the lines with speakers by name; the first name is the left speaker."""
    names = list(dict.fromkeys(name for name, _ in rows))
    if len(names) > len(set(_SPEAKERS.values())):
        raise _build_refusal(voice_wording.text_names(len(names)))
    return [Line(names.index(name), words.strip()) for name, words in rows]


def _leave_out(words: str) -> str:
    """Return the words without letters that are not Latin, and without the marks on those."""
    out, left_out = [], False
    for character in words:
        is_mark = unicodedata.category(character).startswith("M")
        left_out = _is_unreadable(character) or (left_out and is_mark)
        out.append("" if left_out else character)
    return "".join(out).strip()


def _is_unreadable(character: str) -> bool:
    """Return whether the character is a letter that is not Latin."""
    return character.isalpha() and "LATIN" not in unicodedata.name(character, "")


def _has_words(words: str) -> bool:
    return any(character.isalpha() or character in digits for character in words)


def _build_refusal(sentence: str) -> InputError:
    return InputError(InputCode.BAD_OPTION, sentence)
