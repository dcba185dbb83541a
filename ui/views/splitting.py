"""Saying which of two people says each phrase of one recording."""

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.media.phrases import Phrase, expand_phrases
from ui.media import serving
from ui.session.page_state import PageState
from ui.session.requests import find_splittable_voice
from ui.session.session import Session, StoredVoice
from ui.strings import text, voice_wording
from ui.views.elements import attributes, button, small
from ui.views.line import strokes
from ui.views.sounding import hear, heard, whole
from ui.views.timeline import Lane, part_of

_HIGH = 72
_LEAST_WIDE = 344  # as the card; a longer recording is moved to and fro
_PER_S = 28  # pixels
_PHRASE_WIDE, _MOST_PER_S = 24, 100  # so that each phrase can be pressed, as far as that goes
_PITCH = 4  # pixels from bar to bar


def splitter(shown: PageState) -> str:
    """The recording with a button for each phrase; '' when there is nothing to split."""
    desk, voice = shown.session, find_splittable_voice(shown.session)
    if voice is None or len(desk.owners) != len(voice.phrases):
        return ""
    told = attributes(role="group", aria_label=text.EDIT_SPLIT, data_splitter=True)
    play = hear(text.PLAY_WHOLE, [(voice, whole(voice))])
    return (
        f'<div class="tp-editor"{told}>{small(text.SPLIT_HINT)}'
        f'<div class="tp-scroll">{_strip(desk, voice)}</div>'
        f'<div class="tp-act">{play}{button(text.DONE, look="tp-go", data_do="split")}'
        f"{button(text.CANCEL, data_do='edit-cancel')}"
        f"{button(text.JOIN_VOICES, data_do='one-voice')}</div></div>"
    )


def _strip(desk: Session, voice: StoredVoice) -> str:
    length_s = voice.recording.duration_s
    parts = expand_phrases(voice.phrases, length_s)
    shortest_s = min(part.end_s - part.start_s for part in parts)
    per_s = min(max(_PER_S, _PHRASE_WIDE / shortest_s), _MOST_PER_S)
    wide = max(_LEAST_WIDE, round(per_s * length_s))
    drawn, buttons = "", ""
    for index, (part, owner) in enumerate(zip(parts, desk.owners, strict=True)):
        lane = _lane(voice, part, owner, round(wide * (part.end_s - part.start_s) / length_s))
        path = strokes(lane, length_s, wide, _HIGH)
        drawn += f'<path class="tp-voice-{owner + 1}" d="{path}"/>'
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
        class_=f"tp-phrase tp-voice-{owner + 1}",
        data_do="hand-over",
        data_phrase=index,
        aria_pressed="true" if owner else "false",
        aria_label=voice_wording.phrase(part.start_s, part.end_s, owner),
        style=f"left:{100 * part.start_s / length_s:.2f}%;"
        f"width:{100 * (part.end_s - part.start_s) / length_s:.2f}%",
    )
    return f'<button type="button"{told}><b>{owner + 1}</b></button>'
