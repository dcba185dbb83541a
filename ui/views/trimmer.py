"""Choosing the part of the recordings to use."""

from dataclasses import replace
from html import escape

from inference.request import MIN_RECORDING_S, SAMPLE_RATE_HZ, Speaking
from inference.timing import joined_samples
from ui import text, wording
from ui.desk import Desk
from ui.requests import speaking_voices
from ui.state import Shown
from ui.views.elements import attributes, button
from ui.views.line import strokes
from ui.views.timeline import Lane, number_of, part_of

_WIDE, _HIGH, _BARS = 344, 56, 90


def trimmer(shown: Shown) -> str:
    """The voices from end to end with two sliders; the browser shows what lies between."""
    desk = shown.desk
    recordings = tuple(voice.recording for voice in speaking_voices(desk))
    length_s = joined_samples(recordings, desk.choices.speaking) / SAMPLE_RATE_HZ
    trim, longest = desk.choices.trim, longest_s(shown)
    start = trim.start_s if trim else 0.0
    end = min(trim.end_s if trim else longest, length_s)
    told = attributes(
        role="group",
        aria_label=text.TRIM_PART,
        data_trimmer=True,
        data_duration=f"{length_s:.2f}",
        data_longest=f"{longest:g}",
        data_least=f"{MIN_RECORDING_S:g}",
        style=f"--from:{start / length_s:.4f};--to:{end / length_s:.4f}",
    )
    return (
        f'<div class="tp-trimmer"{told}><div class="tp-strip">{_strip(desk, length_s)}</div>'
        f"{_slider(text.TRIM_START, 'start', start, length_s)}"
        f"{_slider(text.TRIM_END, 'end', end, length_s)}"
        f'<p class="tp-small tp-soft" data-trim-text aria-live="polite">'
        f"{escape(wording.part(start, end))}</p>"
        f'<div class="tp-act">{button(text.DONE, look="tp-go", data_do="edit", data_what="")}'
        f"{button(text.RESET, data_do='trim-reset')}</div></div>"
    )


def longest_s(shown: Shown) -> float:
    """The longest recording that can be used for all that can be made here."""
    draft, final = shown.longest_s
    return min(draft, final) if shown.gpu.ready else draft


def _slider(label: str, which: str, value: float, length_s: float) -> str:
    told = attributes(
        type="range",
        data_trim=which,
        min=0,
        max=f"{length_s:.2f}",
        step=0.01,
        value=f"{value:.2f}",
    )
    return f"<label>{escape(label)}<input{told}></label>"


def _strip(desk: Desk, length_s: float) -> str:
    drawn = "".join(
        f'<path class="tp-voice-{lane.voice + 1}" d="{strokes(lane, length_s, _WIDE, _HIGH)}"/>'
        for lane in _untrimmed(desk, length_s)
    )
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" aria-hidden="true">'
        f"{drawn}</svg>"
    )


def _untrimmed(desk: Desk, length_s: float) -> list[Lane]:
    whole = replace(desk, choices=replace(desk.choices, trim=None))
    out, start_s = [], 0.0
    for voice in speaking_voices(whole):
        recording = voice.recording
        count = max(1, round(_BARS * recording.duration_s / length_s))
        bars = part_of(voice, 0, recording.samples, count)
        out.append(Lane(number_of(desk, voice), bars, start_s, recording.duration_s))
        if desk.choices.speaking is Speaking.IN_TURN:
            start_s += recording.duration_s
    return out
