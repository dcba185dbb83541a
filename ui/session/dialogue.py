"""Parser of typed text into lines with speakers. Pure."""

import re
import unicodedata
from string import digits

from inference.core.errors import InputCode, InputError
from inference.media.speech_synthesis import Line
from ui.strings import text, voice_wording

MAX_SPOKEN_CHARS = 2000
_NUMBER_PREFIX = re.compile(r"\s*(1|2|left|right)\s*:(?!\d)(.*)", re.IGNORECASE)
_NAME_PREFIX = re.compile(r"\s*([^\W\d][\w .'-]{0,29}?)\s*:(.*)")
_SPEAKERS = {"1": 0, "left": 0, "2": 1, "right": 1}


def parse_lines(typed: str, two: bool) -> tuple[Line, ...]:
    """Return the lines to speak, in order; all are of speaker 0 unless `two` people speak.

    A prefix "1:", "2:", "Left:" or "Right:" names the speaker of this line and those after it; a
    time such as 1:30 is no prefix. If two people speak and each of several lines starts with a
    name, names work, too. Raises InputError if the text can't be spoken.
    """
    if len(typed) > MAX_SPOKEN_CHARS:
        raise _build_refusal(voice_wording.text_too_long(len(typed), MAX_SPOKEN_CHARS))
    if character := next(filter(_is_unreadable, typed), None):
        raise _build_refusal(voice_wording.text_strange(character))
    lines = tuple(line for line in _assign_speakers(typed, two) if _has_words(line.words))
    if not lines:
        raise _build_refusal(text.TYPED_NO_WORDS if typed.strip() else text.TYPED_EMPTY)
    if not two and len({line.speaker for line in lines}) > 1:
        raise _build_refusal(text.TYPED_FOR_TWO)
    return lines if two else tuple(Line(0, line.words) for line in lines)


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


def _is_unreadable(character: str) -> bool:
    """Return whether the character is a letter that is not Latin."""
    return character.isalpha() and "LATIN" not in unicodedata.name(character, "")


def _has_words(words: str) -> bool:
    return any(character.isalpha() or character in digits for character in words)


def _build_refusal(sentence: str) -> InputError:
    return InputError(InputCode.BAD_OPTION, sentence)
