"""Reducer: the session after a choice on the page. Pure."""

from dataclasses import replace
from functools import singledispatch
from typing import Any

from inference.core.errors import InputCode, InputError
from inference.core.framing import fit_crop
from inference.core.inputs import Box, CropChoice, Shape, Speaking, Trim
from inference.core.options import LABELS, MAX_SEED
from presets.quality import PRESETS
from presets.schema import EngineFamily
from ui.session.commands import (
    CancelEditing,
    ChooseCrop,
    ChooseJobs,
    ChooseTrim,
    ChosenCommand,
    CutPart,
    HandOverPart,
    JoinVoices,
    MoveBox,
    OpenEditor,
    RemoveVoice,
    ResetFraming,
    ResetTrim,
    SaveText,
    SetField,
    SwapVoices,
    ToggleSpeaker,
)
from ui.session.dialogue import hand_over, open_splitter, propose_speaking, swap_owners, toggle_cut
from ui.session.requests import MAX_SPEAKERS, find_speakers, guess_slot, select_voices
from ui.session.session import Choices, Editor, Session, Undo, Voices
from ui.strings import scene_wording, text

MIN_BOX_PX = 16.0
MAX_CHOSEN = 1000  # jobs ticked in the history
# Fields of the page's part about the final video, which shows their problems.
SCENE_FIELDS = {"prompt", "negative_prompt", "seed", *LABELS}


def set_voices(session: Session, voices: Voices) -> Session:
    """Return `session` with other recordings, used whole."""
    choices = replace(propose_speaking(session.choices, voices), trim=None)
    changed = replace(session, voices=voices, choices=choices, whole=None, cuts=(), owners=())
    return changed if session.editing == "framing" else replace(changed, editing="")


def reset_outdated_trim(before: Session, after: Session) -> Session:
    """Return `after`, without its trim if it uses other recordings than `before`."""
    same = select_voices(before) == select_voices(after)
    return after if same else _set_choices(after, trim=None)


def undo_split(session: Session) -> Session:
    """Return `session` with the recording that was split, in place of its parts."""
    changed = replace(session, whole=None, cuts=(), owners=(), editing="")
    if session.whole is None:
        return changed
    right = guess_slot(session) == 1
    voices = (None, session.whole) if right else (session.whole, None)
    choices = propose_speaking(session.choices, voices)
    if not session.choices.speaking == choices.speaking == Speaking.TOGETHER:
        choices = replace(choices, trim=None)  # its seconds were of two recordings in turn
    return replace(changed, voices=voices, choices=choices)


def untick(session: Session, job: str) -> Session:
    """Return `session` with that job of the history not ticked."""
    chosen = tuple(other for other in session.chosen if other != job)
    return replace(session, chosen=chosen, deleting_chosen=False)


@singledispatch
def apply_action(action: object, session: Session) -> Session:
    """Return `session` after `action`. Raises InputError, and TypeError for an unknown action."""
    raise TypeError(f"{action} is no choice")


def open_editor(session: Session, what: Editor) -> Session:
    """Return `session` with the editor open, which can be cancelled; '' keeps what was chosen."""
    picture = session.picture.file if session.picture else ""
    sound = session.voices, session.typed, session.cuts, session.owners
    undo = Undo(picture, session.choices, *sound)
    if what == session.editing:
        undo = session.undo or undo
    return replace(session, editing=what, undo=undo if what else None)


@apply_action.register
def _cancel_editing(action: CancelEditing, session: Session) -> Session:
    undo, closed = session.undo or Undo(), replace(session, editing="", undo=None)
    was = undo.choices
    match session.undo and session.editing:
        case "framing" if session.picture and session.picture.file == undo.picture:
            before = _set_choices(closed, shape=was.shape, crop=was.crop, speakers=was.speakers)
            if {*closed.voices} != {*undo.voices}:  # another recording came meanwhile
                return before
            before = replace(before, voices=undo.voices, owners=undo.owners)
            return _set_choices(before, trim=was.trim)
        case "trim":
            return _set_choices(closed, trim=was.trim)
        case "typing":
            return replace(closed, typed=undo.typed)
        case "split":
            return replace(closed, cuts=undo.cuts, owners=undo.owners)
    return closed


@apply_action.register
def _edit(action: OpenEditor, session: Session) -> Session:
    session = open_editor(session, action.what)
    return open_splitter(session) if action.what == "split" else session


@apply_action.register
def _hand_over(action: HandOverPart, session: Session) -> Session:
    return hand_over(session, action.phrase)


@apply_action.register
def _cut(action: CutPart, session: Session) -> Session:
    return toggle_cut(session, action.at)


@apply_action.register
def _join_voices(action: JoinVoices, session: Session) -> Session:
    return undo_split(session)


@apply_action.register
def _type(action: SaveText, session: Session) -> Session:
    return replace(session, typed=action.text)


@apply_action.register
def _choose(action: ChooseJobs, session: Session) -> Session:
    if action.do == "choose" and action.job in session.chosen:
        return untick(session, action.job)
    before = session.chosen if action.do == "choose" else ()
    chosen = tuple(dict.fromkeys((*before, *action.job.split())))
    return replace(session, chosen=chosen[-MAX_CHOSEN:], deleting_chosen=False)


@apply_action.register
def _run_chosen_command(action: ChosenCommand, session: Session) -> Session:
    match action.do:
        case "choose-none":
            return replace(session, chosen=(), deleting_chosen=False)
        case "delete-chosen":
            return replace(session, deleting_chosen=True)
    return replace(session, deleting=False, deleting_chosen=False)


@apply_action.register
def _swap(action: SwapVoices, session: Session) -> Session:
    swapped = _swap_voices(session)
    if session.whole:
        return swapped
    changed, choices = set_voices(session, swapped.voices), session.choices
    if not all(session.voices):
        return changed
    trim = choices.trim if choices.speaking is Speaking.TOGETHER else None
    return _set_choices(changed, speaking=choices.speaking, trim=trim)


def _swap_voices(session: Session) -> Session:
    left, right = session.voices
    return replace(session, voices=(right, left), owners=swap_owners(session.owners))


@apply_action.register
def _remove(action: RemoveVoice, session: Session) -> Session:
    left, right = session.voices
    return set_voices(session, (None, right) if action.slot == 0 else (left, None))


@apply_action.register
def _crop(action: ChooseCrop, session: Session) -> Session:
    if session.picture is None:
        return session
    crop = CropChoice(round(action.left), round(action.top), round(action.width))
    fit_crop(session.picture.picture, (), session.choices.shape, crop)  # raises InputError
    return _set_choices(session, crop=crop)


@apply_action.register
def _reset_framing(action: ResetFraming, session: Session) -> Session:
    return _set_choices(session, crop=None, speakers=())


@apply_action.register
def _move_box(action: MoveBox, session: Session) -> Session:
    boxes = list(find_speakers(session))
    if session.picture is None or action.index >= len(boxes):
        return session
    box = Box(
        max(action.left, 0),
        max(action.top, 0),
        min(action.right, session.picture.picture.width),
        min(action.bottom, session.picture.picture.height),
    )
    if min(box.width, box.height) < MIN_BOX_PX:
        raise InputError(InputCode.BAD_OPTION, text.BOX_OUTSIDE)
    boxes[action.index] = box
    return _set_choices(session, speakers=_sort_left_to_right(boxes))


@apply_action.register
def _toggle_speaker(action: ToggleSpeaker, session: Session) -> Session:
    """Add or remove a speaker; a third one replaces the nearer of two."""
    faces = session.picture.picture.faces if session.picture else ()
    if action.face >= len(faces):
        return session
    box, chosen = faces[action.face].box, list(session.choices.speakers)
    if box in chosen:
        chosen.remove(box)
    else:
        if len(chosen) == MAX_SPEAKERS:
            chosen.remove(
                min(chosen, key=lambda other: abs(_compute_centre(other) - _compute_centre(box)))
            )
        chosen.append(box)
    before, after = session.choices.speakers, _sort_left_to_right(chosen)
    changed = _set_choices(session, speakers=after)
    if {len(before), len(after)} == {1, 2} and before[-1:] == after[-1:] and all(session.voices):
        changed = _swap_voices(changed)  # the left one changed: the right one keeps the voice
    return reset_outdated_trim(session, changed)


@apply_action.register
def _trim(action: ChooseTrim, session: Session) -> Session:
    return _set_choices(session, trim=Trim(action.start, action.end))


@apply_action.register
def _reset_trim(action: ResetTrim, session: Session) -> Session:
    return _set_choices(session, trim=None)


@apply_action.register
def _set(action: SetField, session: Session) -> Session:
    value = str(action.value)
    match action.field:
        case "fold-advanced":
            return replace(session, advanced=action.value is True)
        case "fold-tuning":
            return replace(session, tuning=action.value is True)
        case "fold-boxes":
            return replace(session, boxes=action.value is True)
        case "speaking" if value in set(Speaking):
            chosen = Speaking(value)
            return _set_choices(session, speaking=chosen, speaking_chosen=True, trim=None)
        case "shape" if value in set(Shape):
            return _set_choices(session, shape=Shape(value), crop=None)
        case "quality" if value in PRESETS and PRESETS[value].engine is EngineFamily.MULTITALK:
            return _set_choices(session, quality=value)
        case "prompt" | "negative_prompt":
            return _set_choices(session, **{action.field: value.strip()})
        case name if name in LABELS:
            return _set_tuning(session, name, value.strip())
        case "seed":
            return _set_choices(session, seed=_parse_seed(value))
    raise InputError(InputCode.BAD_OPTION, text.BROKE, f"{action.field}: {value}")


def _set_tuning(session: Session, name: str, value: str) -> Session:
    """Return `session` with a number of the chosen quality; an empty `value` is its default."""
    quality, whole = PRESETS[session.choices.quality], name == "steps"
    try:
        number = (int(value) if whole else float(value)) if value else None
    except ValueError as error:
        allowed = getattr(quality.bounds, name)
        refusal = scene_wording.use_number(LABELS[name], allowed, whole)
        raise InputError(InputCode.BAD_OPTION, refusal) from error
    own: dict[str, Any] = {name: number}
    tuning = replace(session.choices.get_tuning(quality.name), **own)
    tuning.require_within(quality.bounds, quality.title)
    return _set_choices(session, tuned={**session.choices.tuned, quality.name: tuning})


def _parse_seed(value: str) -> int:
    if not value.isdecimal() or int(value) > MAX_SEED:
        raise InputError(InputCode.BAD_OPTION, text.BAD_SEED)
    return int(value)


def _set_choices(session: Session, **chosen: object) -> Session:
    """Return `session` with other values of `Choices`."""
    choices: Choices = replace(session.choices, **chosen)  # type: ignore[arg-type]
    return replace(session, choices=choices)


def _compute_centre(box: Box) -> float:
    return (box.left + box.right) / 2


def _sort_left_to_right(boxes: list[Box]) -> tuple[Box, ...]:
    return tuple(sorted(boxes, key=_compute_centre))
