"""Sentences with numbers about typed text, trimming and speakers."""

from collections.abc import Sequence

from inference.core.timing import format_excess_duration
from inference.media.phrases import Phrase, are_complementary, compute_overlap_share
from ui.strings import text

_SAME_TIME = 0.8  # of the speech of who says more


def marked_part(longest_s: float) -> str:
    """Note in the trimmer of a recording that is too long, before a part is chosen."""
    return f"The first {longest_s:g} s are marked. Nothing is cut before you press {text.DONE}."


def phrase(start_s: float, end_s: float, who: int) -> str:
    """A part of a recording that is split, and its speaker."""
    return f"{start_s:.1f} to {end_s:.1f} s, {text.SIDES[who].lower()}"


def speaks(who: int, spoken: Sequence[Phrase]) -> str:
    """Times at which one of two speaks, for the voice line."""
    side = text.SIDES[who].lower()
    if not spoken:
        return f"{side} only listens"
    first, last = spoken[0].start_s, spoken[-1].end_s
    parts = f" in {len(spoken)} parts" if len(spoken) > 1 else ""
    return f"{side} speaks from {first:.2f} to {last:.2f} seconds{parts}"


def two_speak(left: Sequence[Phrase], right: Sequence[Phrase]) -> str:
    """Line under the headline of a draft of two people: how they speak."""
    if not (left and right):
        how = f"Only the {'left' if left else 'right'} one speaks."
    elif left[-1].end_s <= right[0].start_s:
        how = "The left one speaks first, then the right one."
    elif right[-1].end_s <= left[0].start_s:
        how = "The right one speaks first, then the left one."
    elif are_complementary(left, right):
        first = "left" if left[0].start_s < right[0].start_s else "right"
        how = f"They take turns, and the {first} one begins."
    elif compute_overlap_share(left, right, max) > _SAME_TIME:
        how = "Both speak at the same time."
    else:
        how = "They speak partly at the same time."
    return f"Two people found. {how}"


def text_too_long(characters: int, most: int) -> str:
    """Refusal of a typed text that is too long."""
    return f"This text has {characters} characters; {most} are the most. Shorten it."


def text_strange(character: str) -> str:
    """Refusal of a character that the voice can't read."""
    return f"“{character}” can't be read aloud: the voice is English. Use Latin letters."


def text_left_out(character: str) -> str:
    """Warning of a character that the voice can't read, beside others that it can."""
    return f"The voice reads Latin letters only, so “{character}” and the like are left out."


def text_names(count: int) -> str:
    """Refusal of lines with more than two names."""
    return f"{count} people have lines in this text; two can speak. Use two names."


def speech_too_long(length_s: float, longest_s: float) -> str:
    """Refusal of a typed text whose speech is too long."""
    length = format_excess_duration(length_s, longest_s)
    return f"This text takes {length} s to say; {longest_s:g} s is the most. Shorten it."
