"""The voices laid out in time, as the video will have them: arithmetic for the voice line."""

import math
from dataclasses import dataclass, replace

from inference.core.errors import InputError
from inference.core.inputs import SAMPLE_RATE_HZ, Soundtrack
from inference.core.plan import Plan, make_plan
from inference.core.request import Request
from inference.core.timing import Span, place_recordings
from inference.media.phrases import Phrase
from presets.quality import DRAFT_QUALITY
from ui.session.requests import build_request, find_speakers, must_choose_speakers, select_voices
from ui.session.session import Session, StoredVoice


@dataclass(frozen=True)
class Lane:
    """One voice: `voice` is 0 or 1, `bars` (0 to 1 high) fill the time from `start_s` on for
    `length_s`; one that is trimmed away has no length and no bars. `spoken`: when it speaks."""

    voice: int
    bars: tuple[float, ...]
    start_s: float
    length_s: float
    spoken: tuple[Phrase, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """The lanes of those who speak, and where the windows meet, in seconds."""

    lanes: tuple[Lane, ...]
    cuts: tuple[float, ...]
    duration_s: float


def placed(desk: Session) -> tuple[tuple[StoredVoice, Span], ...]:
    """Where each of the voices that speak sounds; empty while there is none, or none of use."""
    voices, choices = select_voices(desk), desk.choices
    try:
        recordings = tuple(voice.recording for voice in voices)
        soundtrack = Soundtrack(recordings, choices.speaking, choices.trim)
        return tuple(zip(voices, place_recordings(soundtrack), strict=True))
    except InputError:
        return ()


def _asked(desk: Session) -> Request | None:
    """What is asked for; as long as nobody said who speaks, of one of those who are there."""
    if must_choose_speakers(desk) and desk.picture:
        someone = (desk.picture.picture.faces[0].box,)
        desk = replace(desk, choices=replace(desk.choices, speakers=someone))
    return build_request(desk, DRAFT_QUALITY)


def plan_without_job(desk: Session) -> Plan | None:
    """What the recordings alone tell of a video: None as long as nothing does."""
    try:
        request = _asked(desk)
        return make_plan(request, math.inf) if request else None
    except InputError:
        return None


def timeline(desk: Session, plan: Plan, bars_in_all: int) -> Timeline:
    """The desk's voices over the length of `plan`, drawn with about `bars_in_all` bars each."""
    cuts = [plan.new_frames(index).start / plan.fps for index in range(1, len(plan.windows))]
    lanes = _lanes(desk, plan.duration_s, bars_in_all)
    return Timeline(lanes, tuple(cuts), plan.duration_s)


def _lanes(desk: Session, duration_s: float, bars_in_all: int) -> tuple[Lane, ...]:
    out = []
    for voice, span in placed(desk):
        first, length = span.source_start, span.samples
        count = round(bars_in_all * length / SAMPLE_RATE_HZ / duration_s)
        heights = part_of(voice, first, first + length, count)
        start_s, length_s = span.start / SAMPLE_RATE_HZ, length / SAMPLE_RATE_HZ
        spoken = _spoken(voice, span)
        out.append(Lane(number_of(desk, voice), heights, start_s, length_s, spoken))
    return tuple(out)


def spoken_times(desk: Session) -> tuple[tuple[Phrase, ...], ...]:
    """When each of the voices speaks, in the video's seconds."""
    return tuple(_spoken(voice, span) for voice, span in placed(desk))


def _spoken(voice: StoredVoice, span: Span) -> tuple[Phrase, ...]:
    """When it speaks, in the video's seconds; all the time when its pauses are not known."""
    if voice.recording.is_silent or not span.samples:
        return ()
    first_s, start_s = span.source_start / SAMPLE_RATE_HZ, span.start / SAMPLE_RATE_HZ
    last_s = first_s + span.samples / SAMPLE_RATE_HZ
    moved_s = start_s - first_s
    return tuple(
        Phrase(max(phrase.start_s, first_s) + moved_s, min(phrase.end_s, last_s) + moved_s)
        for phrase in voice.phrases or (Phrase(first_s, last_s),)
        if phrase.start_s < last_s and phrase.end_s > first_s
    )


def number_of(desk: Session, voice: StoredVoice) -> int:
    """Whose voice it is: 0 the left one's or the only one's, 1 the right one's."""
    return int(len(find_speakers(desk)) > 1 and voice is desk.voices[1])


def part_of(voice: StoredVoice, first: int, last: int, count: int) -> tuple[float, ...]:
    """The part from sample `first` to `last` (exclusive) as `count` bars: the highest of those
    that each stands for."""
    per_bar = len(voice.bars) / voice.recording.samples
    out = []
    for index in range(count):
        start = (first + (last - first) * index / count) * per_bar
        end = (first + (last - first) * (index + 1) / count) * per_bar
        low = min(int(start), len(voice.bars) - 1)
        out.append(max(voice.bars[low : max(math.ceil(end), low + 1)]))
    return tuple(out)
