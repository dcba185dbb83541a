"""The card of one voice, or of the voices of two people."""

from dataclasses import replace
from html import escape

from inference.core.errors import InputCode
from inference.core.inputs import SAMPLE_RATE_HZ, Speaking
from inference.core.timing import Span
from ui.media import serving
from ui.session.page_state import PageState, Problem
from ui.session.requests import find_speakers, find_splittable_voice, select_voices
from ui.session.session import Session, StoredVoice
from ui.strings import text, wording
from ui.views.elements import attributes, button, message, quiet, small, switch
from ui.views.line import strokes
from ui.views.sounding import hear, heard, whole
from ui.views.splitting import splitter
from ui.views.timeline import Lane, part_of, placed
from ui.views.trimmer import longest_s, trimmer
from ui.views.typing import language_warning, typing

_ALONE_WIDE, _ALONE_HIGH, _ALONE_BARS = 280, 48, 70  # of the drawing of one voice
_ROW_WIDE, _ROW_HIGH, _ROW_BARS = 160, 32, 40
_SAY_PROBLEMS = ("typing", "split")  # editors that say themselves what went wrong


def voice_card(shown: PageState, filled: bool) -> str:
    """The card; `filled`: its way on is the page's one filled button."""
    two = len(find_speakers(shown.session)) > 1
    body = _two(shown, filled) if two else _alone(shown, filled)
    return (
        f'<section class="tp-card"{attributes(data_drop=None if two else _place(shown.session))}'
        f"{attributes(data_empty=not two and not any(shown.session.voices))}>{body}"
        f'<div class="tp-trim">{_editor(shown)}</div></section>'
    )


def _editor(shown: PageState) -> str:
    """What is open under the recordings, after what is wrong with what was done in it."""
    if shown.session.editing == "trim":
        return trimmer(shown) if any(shown.session.voices) else ""
    if shown.session.editing not in _SAY_PROBLEMS:
        spoken = any(voice and voice.name == text.TYPED_TEXT for voice in shown.session.voices)
        return language_warning(shown.session.typed) if spoken else ""
    found = shown.problem
    said = ""
    if found and found.area.startswith("voice"):
        said = message(found.message, close=found.can_close)
    editor = typing(shown) if shown.session.editing == "typing" else splitter(shown)
    return f'<div class="tp-said">{said}</div>{editor}'


def _place(desk: Session) -> str:
    return f"voice-{_slot(desk)}"


def _slot(desk: Session) -> int:
    """Where the only speaker's recording lies."""
    return int(desk.voices[0] is None and desk.voices[1] is not None)


def _alone(shown: PageState, filled: bool) -> str:
    voice, slot = shown.session.voices[_slot(shown.session)], _slot(shown.session)
    problem = _problem(shown, 0) or _problem(shown, 1)
    if voice is None:
        body = _drop_zone(shown, filled and not problem)
        head = wording.voice_hint(longest_s(shown))
    else:
        head, body = voice.name, _given(shown, voice, slot)
    return (
        f"<header><h2>{escape(text.VOICE)}</h2>{small(head)}</header>{body}"
        f"{_problems(shown, slot, problem, filled)}"
    )


def _drop_zone(shown: PageState, filled: bool) -> str:
    go = button(text.VOICE_CHOOSE, look="tp-go" if filled else "", data_choose="voice-0")
    return (
        f'<div class="tp-body"><div class="tp-drop">{go}'
        f"{small(text.VOICE_DROP, data_status='voice-0')}</div>"
        f'<div class="tp-either">'
        f"{_record(shown, 0)}{button(text.TYPE, data_do='edit', data_what='typing')}</div></div>"
    )


def _record(shown: PageState, slot: int) -> str:
    longest = f"{longest_s(shown):g}"
    return button(text.RECORD, mark="record", data_record=f"voice-{slot}", data_longest=longest)


def _given(shown: PageState, voice: StoredVoice, slot: int) -> str:
    part = _part(shown.session, voice)
    note = wording.recording_summary(voice.recording, _seconds(part))
    play = _play(voice, part, wording.play_label(text.VOICE.lower()))
    drawn = _wave(voice, part, 0, _ALONE_WIDE, _ALONE_HIGH, _ALONE_BARS)
    return (
        f'<div class="tp-body tp-voice">{play}{drawn}</div>'
        f'<div class="tp-foot">{small(note, data_status=f"voice-{slot}")}'
        f"{_ways(shown)}{quiet(text.CHANGE, data_choose=f'voice-{slot}')}</div>"
    )


def _two(shown: PageState, filled: bool) -> str:
    rows = "".join(_row(shown, slot, filled) for slot in (0, 1))
    swap = quiet(text.SWAP, mark="swap", data_do="swap") if any(shown.session.voices) else ""
    ways = swap + _ways(shown)
    foot = f'<div class="tp-foot"><span></span>{ways}</div>' if ways else ""
    how = _how(shown.session) if all(shown.session.voices) else ""
    head = f"<header><h2>{escape(text.VOICES)}</h2>{small(text.VOICES_HINT)}</header>"
    return f"{head}{rows}{foot}{how}"


def _how(desk: Session) -> str:
    """How the two speak, to be heard and chosen; there is no choice of one that was split."""
    chosen = switch(
        "speaking",
        text.SPEAKING,
        {Speaking.IN_TURN: (text.IN_TURN, ""), Speaking.TOGETHER: (text.TOGETHER, "")},
        desk.choices.speaking,
    )
    said = small(text.SPLIT_DONE) if desk.whole else chosen
    return f'<div class="tp-body tp-how">{hear(text.PLAY_VOICES, placed(desk))}{said}</div>'


def _row(shown: PageState, slot: int, filled: bool) -> str:
    voice, name = shown.session.voices[slot], text.SIDES[slot]
    problem = _problem(shown, slot)
    if voice is None:
        note, rest = text.VOICE_NONE, ""
        first = filled and slot == 0 and not problem
        below = button(
            text.VOICE_CHOOSE, look="tp-go" if first else "", data_choose=f"voice-{slot}"
        ) + _record(shown, slot)
    else:
        part = _part(shown.session, voice)
        note = wording.used_length(_seconds(part), voice.recording.duration_s)
        wave = _wave(voice, part, slot, _ROW_WIDE, _ROW_HIGH, _ROW_BARS)
        rest = wave + _play(voice, part, wording.play_label(name))
        below = quiet(text.CHANGE, data_choose=f"voice-{slot}")
        if slot == 1 and not shown.session.whole:
            below += quiet(text.REMOVE, data_do="remove", data_slot=slot)
    place = f"voice-{slot}"
    return (
        f'<div class="tp-who"{attributes(data_drop=place, data_empty=voice is None)}>'
        f'<span class="tp-dot tp-dot-{slot + 1}">{slot + 1}</span>'
        f'<span class="tp-name"><b>{escape(name)}</b>{small(note, data_status=place)}</span>{rest}'
        f'<span class="tp-ways">{below}</span>'
        f"{_problems(shown, slot, problem, filled)}</div>"
    )


def _problem(shown: PageState, slot: int) -> Problem | None:
    """What is wrong with a recording, as long as no editor says it."""
    found = shown.problem if shown.session.editing not in _SAY_PROBLEMS else None
    return found if found and found.area == f"voice-{slot}" else None


def _problems(shown: PageState, slot: int, problem: Problem | None, filled: bool) -> str:
    """What the server and what the browser have to say of this recording."""
    said = ""
    if problem:
        look = "tp-go" if filled else ""
        cut = problem.code == InputCode.TOO_LONG and _is_too_long(shown)
        another = button(text.VOICE_ANOTHER, look="" if cut else look, data_choose=f"voice-{slot}")
        part = button(text.CHOOSE_PART, look=look, data_do="edit", data_what="trim") if cut else ""
        ways = "" if shown.session.editing == "trim" else part + another
        said = message(problem.message, below=ways, close=problem.can_close)
    return (
        f'<div class="tp-said">{said}</div><div class="tp-said" data-problems="voice-{slot}"></div>'
    )


def _is_too_long(shown: PageState) -> bool:
    """Whether what lies on the desk is too long, not a file that was refused beside it."""
    return shown.plan is None and bool(select_voices(shown.session))


def _ways(shown: PageState) -> str:
    """The ways to the editors that are not open and have something to work on."""
    desk, two = shown.session, len(find_speakers(shown.session)) > 1
    split = text.EDIT_SPLIT if desk.whole else text.SPLIT
    ways = {
        "split": split if two and find_splittable_voice(desk) else "",
        "trim": text.TRIM if select_voices(desk) else "",
        "typing": text.TYPE,
    }
    buttons = [
        quiet(label, data_do="edit", data_what=what)
        for what, label in ways.items()
        if label and desk.editing != what
    ]
    if desk.whole and desk.editing != "split":
        buttons.insert(1, quiet(text.JOIN_VOICES, data_do="one-voice"))
    return "".join(buttons)


def _play(voice: StoredVoice, part: Span | None, label: str) -> str:
    """Plays what is used of one voice, by itself."""
    return hear(label, [(voice, replace(part, start=0) if part else whole(voice))])


def _part(desk: Session, voice: StoredVoice) -> Span | None:
    """The part of a recording that is used; None when nothing is cut off."""
    if desk.choices.trim is None:
        return None
    found = next((span for given, span in placed(desk) if given is voice), None)
    return None if found is None or found.samples == voice.recording.samples else found


def _seconds(part: Span | None) -> float | None:
    return None if part is None else part.samples / SAMPLE_RATE_HZ


def _wave(
    voice: StoredVoice, part: Span | None, number: int, wide: int, high: int, count: int
) -> str:
    """The whole recording as bars; what is not used is dim."""
    samples = voice.recording.samples
    bars = part_of(voice, 0, samples, count)
    first, last = 0, count
    if part:
        first = round(count * part.source_start / samples)
        last = round(count * (part.source_start + part.samples) / samples)
    drawn = [
        strokes(Lane(number, bars[start:end], start, end - start), count, wide, high)
        for start, end in ((first, last), (0, first), (last, count))
    ]
    wave = (
        f'<svg class="tp-wave tp-voice-{number + 1}" viewBox="0 0 {wide} {high}" '
        f'preserveAspectRatio="none" aria-hidden="true"><path d="{drawn[0]}"/>'
        f'<path class="tp-unused" d="{drawn[1]}{drawn[2]}"/></svg>'
    )
    return heard(serving.build_session_url(voice.file), voice.recording.duration_s, wave)
