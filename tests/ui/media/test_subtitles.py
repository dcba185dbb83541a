"""Subtitles show the words of typed text when they are said."""

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.timing import place_spans
from inference.media.phrases import BOTH, Phrase
from inference.media.speech_synthesis import Sentence
from ui.media.subtitles import build_subtitles, split_sentences

HELLO, BYE = Sentence("Hello there.", 0.1, 1.1), Sentence("Good bye.", 1.5, 2.5)
LONG = Sentence(" ".join(["words"] * 30), 0.0, 9.0)
LENGTHS = [3 * SAMPLE_RATE_HZ, 4 * SAMPLE_RATE_HZ]


def subtitles(
    *voices: tuple[Sentence, ...], in_turn: bool = True, used_s: tuple[float, float] = (0, 99)
) -> list[list[str]]:
    """The lines of each cue, without its number."""
    used = (round(used_s[0] * SAMPLE_RATE_HZ), round(used_s[1] * SAMPLE_RATE_HZ))
    spans = place_spans(LENGTHS[: len(voices)], in_turn, used)
    cues = [cue.splitlines() for cue in build_subtitles(voices, spans).split("\n\n") if cue]
    assert [cue[0] for cue in cues] == [str(number + 1) for number in range(len(cues))]
    return [cue[1:] for cue in cues]


def test_each_sentence_is_shown_while_it_is_said() -> None:
    assert subtitles((HELLO, BYE)) == [
        ["00:00:00,100 --> 00:00:01,100", "Hello there."],
        ["00:00:01,500 --> 00:00:02,500", "Good bye."],
    ]
    assert build_subtitles([()], place_spans(LENGTHS[:1], True, (0, 10))) == ""


def test_the_second_in_turn_comes_after_the_first() -> None:
    times = [cue[0] for cue in subtitles((BYE,), (HELLO,))]
    assert times == ["00:00:01,500 --> 00:00:02,500", "00:00:03,100 --> 00:00:04,100"]
    together = [cue[1] for cue in subtitles((BYE,), (HELLO,), in_turn=False)]
    assert together == ["Hello there.", "Good bye."]


def test_what_is_cut_off_is_not_shown_and_the_rest_moves() -> None:
    assert subtitles((HELLO, BYE), used_s=(1.25, 3)) == [
        ["00:00:00,250 --> 00:00:01,250", "Good bye."]
    ]
    assert subtitles((HELLO, BYE), used_s=(0.4, 1.9)) == [  # most of the first, some of the second
        ["00:00:00,000 --> 00:00:00,700", "Hello there."]
    ]
    assert subtitles((BYE,), (HELLO,), used_s=(2.6, 7)) == [
        ["00:00:00,500 --> 00:00:01,500", "Hello there."]
    ]


def test_a_long_sentence_is_shown_in_parts_of_two_short_lines() -> None:
    spans = place_spans([10 * SAMPLE_RATE_HZ], True, (0, 10 * SAMPLE_RATE_HZ))
    whole = [cue.splitlines()[1:] for cue in build_subtitles([(LONG,)], spans).split("\n\n")]
    assert all(len(lines) <= 3 and max(map(len, lines[1:])) <= 42 for lines in whole)
    assert " ".join(" ".join(lines[1:]) for lines in whole) == LONG.words
    assert whole[0][0].startswith("00:00:00,000") and whole[-1][0].endswith("00:00:09,000")
    ends = [lines[0].partition(" --> ")[2] for lines in whole]
    assert [lines[0].partition(" --> ")[0] for lines in whole[1:]] == ends[:-1]


def test_of_a_split_recording_each_one_has_their_own_sentences() -> None:
    phrases = (Phrase(0.1, 1.1), Phrase(1.5, 2.5))
    assert split_sentences((HELLO, BYE), phrases, (1, 0)) == [(BYE,), (HELLO,)]
    assert split_sentences((HELLO, BYE), phrases, (BOTH, 0)) == [(HELLO, BYE), (HELLO,)]
    assert split_sentences((), phrases, (1, 0)) == [(), ()]
