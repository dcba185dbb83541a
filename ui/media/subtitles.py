"""Subtitles of typed text, in the SRT format. Pure.

The words and their times come with the speech; within a sentence time passes with the characters.
"""

import textwrap
from collections.abc import Sequence
from itertools import accumulate

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.timing import Span
from inference.media.phrases import BOTH, Phrase
from inference.media.speech_synthesis import Sentence

SUBTITLES = "subtitles.srt"  # in a job's folder
_LINE_CHARS, _LINES = 42, 2  # of a cue
_MIN_HEARD = 0.5  # of a cue's time, to show it although the rest is cut off


def build_subtitles(voices: Sequence[Sequence[Sentence]], spans: Sequence[Span]) -> str:
    """Return the subtitles of a video, "" when none of its words are known.

    `voices` are the sentences of each recording, in its own time; `spans` place it in the video.
    """
    cues = {  # once what both say
        cue
        for sentences, span in zip(voices, spans, strict=True)
        for sentence in sentences
        for cue in _place(sentence, span)
    }
    return "\n".join(
        f"{number}\n{_format(start_s)} --> {_format(end_s)}\n{words}\n"
        for number, (start_s, end_s, words) in enumerate(sorted(cues), start=1)
    )


def split_sentences(
    sentences: Sequence[Sentence], parts: Sequence[Phrase], owners: Sequence[int]
) -> list[tuple[Sentence, ...]]:
    """Return the sentences of the left and the right speaker of a recording cut into `parts`.

    A sentence is that of the one who says its middle.
    """

    def find_owner(sentence: Sentence) -> int:
        middle_s = (sentence.start_s + sentence.end_s) / 2
        found = (owner for part, owner in zip(parts, owners, strict=True) if middle_s < part.end_s)
        return next(found, owners[-1])

    owned = [(find_owner(sentence), sentence) for sentence in sentences]
    return [
        tuple(sentence for owner, sentence in owned if owner in (speaker, BOTH))
        for speaker in (0, 1)
    ]


def _place(sentence: Sentence, span: Span) -> list[tuple[float, float, str]]:
    """Return the sentence's cues in the video's time: start, end and words."""
    first_s, last_s = (
        (span.start + samples) / SAMPLE_RATE_HZ for samples in (0, max(span.samples, 0))
    )
    shift_s = (span.start - span.source_start) / SAMPLE_RATE_HZ
    out = []
    for start_s, end_s, words in _split(sentence):
        start_s, end_s = start_s + shift_s, end_s + shift_s
        heard_from_s, heard_to_s = max(start_s, first_s), min(end_s, last_s)
        if heard_to_s - heard_from_s >= _MIN_HEARD * (end_s - start_s) > 0:
            out.append((heard_from_s, heard_to_s, words))
    return out


def _split(sentence: Sentence) -> list[tuple[float, float, str]]:
    """Return the sentence in cues of at most two lines, in the recording's time."""
    rows = textwrap.wrap(sentence.words, _LINE_CHARS)
    cues = ["\n".join(rows[at : at + _LINES]) for at in range(0, len(rows), _LINES)]
    per_character_s = (sentence.end_s - sentence.start_s) / max(sum(map(len, cues)), 1)
    ends = [sentence.start_s + per_character_s * count for count in accumulate(map(len, cues))]
    return list(zip([sentence.start_s, *ends], ends, cues, strict=False))


def _format(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d},{milliseconds:03d}"
