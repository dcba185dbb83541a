"""Choosing the part of the recordings to use."""

from dataclasses import replace
from html import escape
from math import floor

from inference.core.inputs import MIN_RECORDING_S, SAMPLE_RATE_HZ
from inference.core.timing import Span, count_joined_samples
from ui.session.page_state import PageState
from ui.session.requests import select_voices
from ui.session.session import Session, StoredVoice
from ui.strings import text, voice_wording, wording
from ui.views.elements import attributes, button
from ui.views.line import strokes
from ui.views.sounding import hear, heard, sounds
from ui.views.timeline import Lane, number_of, part_of, placed

_WIDE, _HIGH, _BARS = 344, 56, 90


def trimmer(shown: PageState) -> str:
    """The voices from end to end; what is used lies between two edges, each with a slider."""
    desk = shown.session
    recordings = tuple(voice.recording for voice in select_voices(desk))
    length_s = count_joined_samples(recordings, desk.choices.speaking) / SAMPLE_RATE_HZ
    trim, longest = desk.choices.trim, longest_s(shown)
    start = trim.start_s if trim else 0.0
    end = min(trim.end_s if trim else longest, length_s)
    told = attributes(
        role="group",
        aria_label=text.TRIM_PART,
        data_trimmer=True,
        data_duration=_down(length_s),
        data_longest=f"{longest:g}",
        data_least=f"{MIN_RECORDING_S:g}",
        style=f"--from:{start / length_s:.4f};--to:{end / length_s:.4f}",
    )
    return (
        f'<div class="tp-editor tp-trimmer"{told}>{_strip(desk, length_s)}'
        f"{_slider(text.TRIM_START, 'start', start, length_s)}"
        f"{_slider(text.TRIM_END, 'end', end, length_s)}"
        f'<p class="tp-small tp-soft" data-trim-text>'
        f"{escape(wording.used_part(start, end))}</p>{_marked(trim is None, length_s, longest)}"
        f'<div class="tp-act">{hear(text.PLAY_PART, _untrimmed(desk))}'
        f"{button(text.DONE, look='tp-go', data_do='edit', data_what='')}"
        f"{button(text.CANCEL, data_do='edit-cancel')}"
        f"{button(text.RESET, data_do='trim-reset')}</div></div>"
    )


def longest_s(shown: PageState) -> float:
    """The longest recording that can be used for all that can be made here."""
    draft, final = shown.max_recordings_s
    return min(draft, final) if shown.gpu.ready else draft


def _down(length_s: float) -> str:
    """Not more than there is."""
    return f"{floor(length_s * 100) / 100:.2f}"


def _slider(label: str, which: str, value: float, length_s: float) -> str:
    told = attributes(
        type="range",
        data_trim=which,
        min=0,
        max=_down(length_s),
        step=0.01,
        value=f"{value:.2f}",
    )
    return f"<label>{escape(label)}<input{told}></label>"


def _marked(unchosen: bool, length_s: float, longest: float) -> str:
    """What was marked, as long as the person chose nothing."""
    if not unchosen or length_s <= longest:
        return ""
    return f"<p>{escape(voice_wording.marked_part(longest))}</p>"


def _strip(desk: Session, length_s: float) -> str:
    whole = _untrimmed(desk)
    drawn = "".join(
        f'<path class="tp-voice-{number_of(desk, voice) + 1}" '
        f'd="{strokes(_lane(desk, voice, span, length_s), length_s, _WIDE, _HIGH)}"/>'
        for voice, span in whole
    )
    strip = (
        f'<div class="tp-strip" data-edges><svg viewBox="0 0 {_WIDE} {_HIGH}" '
        f'preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
        '<i style="--grip:var(--from)"></i><i style="--grip:var(--to)"></i></div>'
    )
    return heard(sounds(whole), length_s, strip)


def _untrimmed(desk: Session) -> tuple[tuple[StoredVoice, Span], ...]:
    return placed(replace(desk, choices=replace(desk.choices, trim=None)))


def _lane(desk: Session, voice: StoredVoice, span: Span, length_s: float) -> Lane:
    duration_s = voice.recording.duration_s
    bars = part_of(voice, 0, span.samples, max(1, round(_BARS * duration_s / length_s)))
    return Lane(number_of(desk, voice), bars, span.start / SAMPLE_RATE_HZ, duration_s)
