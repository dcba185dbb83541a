"""Saying who of two people says each part of one recording, and where it is cut."""

import json

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.media.phrases import MIN_PART_S, Phrase
from ui.media import serving
from ui.session.dialogue import find_parts
from ui.session.page_state import PageState
from ui.session.requests import find_splittable_voice
from ui.session.session import Session, StoredVoice
from ui.strings import text, voice_wording
from ui.views.elements import attributes, button, small
from ui.views.line import strokes
from ui.views.sounding import hear, heard, whole
from ui.views.timeline import Lane, part_of

_HIGH = 72
_LEAST_WIDE = 290  # as the card of a phone; a longer recording is moved to and fro
_PER_S = 28  # pixels
_PART_WIDE, _MOST_PER_S = 24, 100  # so that each part can be pressed, as far as that goes
_PITCH = 4  # pixels from bar to bar
_NUMBERS = ("1", "2", "1+2")  # of those who say a part
_COLOURS = ("tp-voice-1", "tp-voice-2", "tp-voice-both")


def splitter(shown: PageState) -> str:
    """The recording with a button for each part; '' when there is nothing to split."""
    voice, parts = find_splittable_voice(shown.session), find_parts(shown.session)
    if voice is None or not parts:
        return ""
    told = attributes(
        role="group",
        aria_label=text.EDIT_SPLIT,
        data_splitter=True,
        data_cuts=json.dumps([part.start_s for part in parts[1:]]),
        data_near=MIN_PART_S,
    )
    play = hear(text.PLAY_FROM_LINE, [(voice, whole(voice))])
    return (
        f'<div class="tp-editor"{told}>{small(text.SPLIT_HINT)}{small(text.CUT_HINT)}'
        f'<div class="tp-scroll"><div class="tp-cutting">{_strip(shown.session, voice, parts)}'
        f"{_line(voice.recording.duration_s)}</div></div>"
        f'<div class="tp-act">{play}{button(text.CUT, data_cut_here=True)}</div>'
        f'<div class="tp-act">{button(text.DONE, look="tp-go", data_do="split")}'
        f"{button(text.CANCEL, data_do='edit-cancel')}"
        f"{button(text.JOIN_VOICES, data_do='one-voice')}</div></div>"
    )


def _line(length_s: float) -> str:
    """The slider of the line at which is cut, as wide as the recording."""
    told = attributes(
        type="range",
        data_cut_line=True,
        min=0,
        max=f"{length_s:.2f}",
        step=0.01,
        value=0,
        aria_label=text.CUT_LINE,
    )
    return f"<input{told}>"


def _strip(desk: Session, voice: StoredVoice, parts: tuple[Phrase, ...]) -> str:
    length_s = voice.recording.duration_s
    shortest_s = min(part.end_s - part.start_s for part in parts)
    per_s = min(max(_PER_S, _PART_WIDE / shortest_s), _MOST_PER_S)
    wide = max(_LEAST_WIDE, round(per_s * length_s))
    drawn, buttons = "", ""
    for index, (part, owner) in enumerate(zip(parts, desk.owners, strict=True)):
        lane = _lane(voice, part, owner, round(wide * (part.end_s - part.start_s) / length_s))
        path = strokes(lane, length_s, wide, _HIGH)
        drawn += f'<path class="{_COLOURS[owner]}" d="{path}"/>'
        buttons += _button(index, part, owner, length_s)
    waves = (
        f'<svg viewBox="0 0 {wide} {_HIGH}" preserveAspectRatio="none" aria-hidden="true">'
        f"{drawn}</svg>"
    )
    strip = f'<div class="tp-strip tp-phrases" style="width:{wide}px">{buttons}{waves}</div>'
    return heard(serving.build_session_url(voice.file), length_s, strip)


def _lane(voice: StoredVoice, part: Phrase, owner: int, pixels: int) -> Lane:
    first, last = (round(at * SAMPLE_RATE_HZ) for at in (part.start_s, part.end_s))
    bars = part_of(voice, first, last, max(1, pixels // _PITCH))
    return Lane(owner, bars, part.start_s, part.end_s - part.start_s)


def _button(index: int, part: Phrase, owner: int, length_s: float) -> str:
    told = attributes(
        class_=f"tp-phrase {_COLOURS[owner]}",
        data_do="hand-over",
        data_phrase=index,
        aria_label=voice_wording.phrase(part.start_s, part.end_s, owner),
        style=f"left:{100 * part.start_s / length_s:.2f}%;"
        f"width:{100 * (part.end_s - part.start_s) / length_s:.2f}%",
    )
    return f'<button type="button"{told}><b>{_NUMBERS[owner]}</b></button>'
