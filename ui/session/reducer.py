"""What a choice on the page changes on the desk. Pure: a desk and an action in, a desk out."""

from dataclasses import replace
from functools import singledispatch
from typing import Any

from inference.core.errors import InputCode, InputError
from inference.core.framing import fit_crop
from inference.core.options import MAX_SEED, Box, CropChoice, Shape, Speaking, Trim
from inference.core.tuning import LABELS
from inference.media.phrases import alternate_speakers
from presets.quality import PRESETS
from presets.schema import EngineFamily
from ui.session.commands import (
    CancelDeletion,
    ChooseCrop,
    ChooseTrim,
    JoinVoices,
    MoveBox,
    OpenEditor,
    RemoveVoice,
    ResetFraming,
    ResetTrim,
    SaveText,
    SetField,
    SwapVoices,
    TogglePhraseOwner,
    ToggleSpeaker,
)
from ui.session.requests import (
    MAX_SPEAKERS,
    find_speakers,
    find_splittable_voice,
    guess_slot,
    select_voices,
)
from ui.session.session import Choices, Session, Voices
from ui.strings import scene_wording, text

MIN_BOX_PX = 16.0
# What Scene and quality asks about the final video; what is wrong with it is said there.
SCENE_FIELDS = {"prompt", "negative_prompt", "seed", *LABELS}


def set_voices(desk: Session, voices: Voices) -> Session:
    """`desk` with other recordings, of which all is used."""
    changed = replace(_set_choices(desk, trim=None), voices=voices, whole=None, owners=())
    return changed if desk.editing == "framing" else replace(changed, editing="")


def reset_outdated_trim(before: Session, after: Session) -> Session:
    """`after`; all of its recordings is used if others are used than `before`."""
    same = select_voices(before) == select_voices(after)
    return after if same else _set_choices(after, trim=None)


def undo_split(desk: Session) -> Session:
    """`desk` with the recording that was split; nothing else of it changes."""
    changed = replace(desk, whole=None, owners=(), editing="")
    if desk.whole is None:
        return changed
    right = guess_slot(desk) == 1
    return replace(changed, voices=(None, desk.whole) if right else (desk.whole, None))


@singledispatch
def apply_action(action: object, desk: Session) -> Session:
    """`desk` after `action`. Raises InputError when that can't be, TypeError for no choice."""
    raise TypeError(f"{action} is no choice")


@apply_action.register
def _edit(action: OpenEditor, desk: Session) -> Session:
    if action.what != "split":
        return replace(desk, editing=action.what)
    voice = find_splittable_voice(desk)
    if voice is None or len(voice.phrases) < 2:
        raise InputError(InputCode.BAD_OPTION, text.NO_PAUSE)
    owners = desk.owners or alternate_speakers(voice.phrases)
    return replace(desk, editing="split", owners=owners)


@apply_action.register
def _toggle_phrase_owner(action: TogglePhraseOwner, desk: Session) -> Session:
    owners = list(desk.owners)
    if action.phrase < len(owners):
        owners[action.phrase] = 1 - owners[action.phrase]
    return replace(desk, owners=tuple(owners))


@apply_action.register
def _join_voices(action: JoinVoices, desk: Session) -> Session:
    return undo_split(desk)


@apply_action.register
def _type(action: SaveText, desk: Session) -> Session:
    return replace(desk, typed=action.text)


@apply_action.register
def _cancel_deletion(action: CancelDeletion, desk: Session) -> Session:
    return replace(desk, deleting=False)


@apply_action.register
def _swap(action: SwapVoices, desk: Session) -> Session:
    swapped = _swap_voices(desk)
    return swapped if desk.whole else set_voices(desk, swapped.voices)


def _swap_voices(desk: Session) -> Session:
    left, right = desk.voices
    owners = tuple(1 - owner for owner in desk.owners)
    return replace(desk, voices=(right, left), owners=owners)


@apply_action.register
def _remove(action: RemoveVoice, desk: Session) -> Session:
    left, right = desk.voices
    return set_voices(desk, (None, right) if action.slot == 0 else (left, None))


@apply_action.register
def _crop(action: ChooseCrop, desk: Session) -> Session:
    if desk.picture is None:
        return desk
    crop = CropChoice(round(action.left), round(action.top), round(action.width))
    fit_crop(desk.picture.picture, (), desk.choices.shape, crop)  # refuses what shows nothing
    return _set_choices(desk, crop=crop)


@apply_action.register
def _reset_framing(action: ResetFraming, desk: Session) -> Session:
    return _set_choices(desk, crop=None, speakers=())


@apply_action.register
def _move_box(action: MoveBox, desk: Session) -> Session:
    boxes = list(find_speakers(desk))
    if desk.picture is None or action.index >= len(boxes):
        return desk
    box = Box(
        max(action.left, 0),
        max(action.top, 0),
        min(action.right, desk.picture.picture.width),
        min(action.bottom, desk.picture.picture.height),
    )
    if min(box.width, box.height) < MIN_BOX_PX:
        raise InputError(InputCode.BAD_OPTION, text.BOX_OUTSIDE)
    boxes[action.index] = box
    return _set_choices(desk, speakers=_sort_left_to_right(boxes))


@apply_action.register
def _toggle_speaker(action: ToggleSpeaker, desk: Session) -> Session:
    """A third one takes the place of the nearer of two."""
    faces = desk.picture.picture.faces if desk.picture else ()
    if action.face >= len(faces):
        return desk
    box, chosen = faces[action.face].box, list(desk.choices.speakers)
    if box in chosen:
        chosen.remove(box)
    else:
        if len(chosen) == MAX_SPEAKERS:
            chosen.remove(
                min(chosen, key=lambda other: abs(_compute_centre(other) - _compute_centre(box)))
            )
        chosen.append(box)
    before, after = desk.choices.speakers, _sort_left_to_right(chosen)
    changed = _set_choices(desk, speakers=after)
    if {len(before), len(after)} == {1, 2} and before[-1:] == after[-1:] and all(desk.voices):
        changed = _swap_voices(
            changed
        )  # the left one goes or comes: the right one keeps their voice
    return reset_outdated_trim(desk, changed)


@apply_action.register
def _trim(action: ChooseTrim, desk: Session) -> Session:
    return _set_choices(desk, trim=Trim(action.start, action.end))


@apply_action.register
def _reset_trim(action: ResetTrim, desk: Session) -> Session:
    return _set_choices(desk, trim=None)


@apply_action.register
def _set(action: SetField, desk: Session) -> Session:
    value = str(action.value)
    match action.field:
        case "fold-advanced":
            return replace(desk, advanced=action.value is True)
        case "fold-tuning":
            return replace(desk, tuning=action.value is True)
        case "fold-boxes":
            return replace(desk, boxes=action.value is True)
        case "speaking" if value in set(Speaking):
            return _set_choices(desk, speaking=Speaking(value), trim=None)
        case "shape" if value in set(Shape):
            return _set_choices(desk, shape=Shape(value), crop=None)
        case "quality" if value in PRESETS and PRESETS[value].engine is EngineFamily.MULTITALK:
            return _set_choices(desk, quality=value)
        case "prompt" | "negative_prompt":
            return _set_choices(desk, **{action.field: value.strip()})
        case name if name in LABELS:
            return _set_tuning(desk, name, value.strip())
        case "seed":
            return _set_choices(desk, seed=_parse_seed(value))
    raise InputError(InputCode.BAD_OPTION, text.BROKE, f"{action.field}: {value}")


def _set_tuning(desk: Session, name: str, value: str) -> Session:
    """With another of the chosen quality's numbers; its own again when `value` is empty."""
    quality, whole = PRESETS[desk.choices.quality], name == "steps"
    try:
        number = (int(value) if whole else float(value)) if value else None
    except ValueError as error:
        allowed = getattr(quality.bounds, name)
        refusal = scene_wording.use_number(LABELS[name], allowed, whole)
        raise InputError(InputCode.BAD_OPTION, refusal) from error
    own: dict[str, Any] = {name: number}
    tuning = replace(desk.choices.get_tuning(quality.name), **own)
    tuning.require_within(quality.bounds, quality.title)
    return _set_choices(desk, tuned={**desk.choices.tuned, quality.name: tuning})


def _parse_seed(value: str) -> int:
    if not value.isdecimal() or int(value) > MAX_SEED:
        raise InputError(InputCode.BAD_OPTION, text.BAD_SEED)
    return int(value)


def _set_choices(desk: Session, **chosen: object) -> Session:
    """`desk` with other choices, by the names of `Choices`."""
    choices: Choices = replace(desk.choices, **chosen)  # type: ignore[arg-type]
    return replace(desk, choices=choices)


def _compute_centre(box: Box) -> float:
    return (box.left + box.right) / 2


def _sort_left_to_right(boxes: list[Box]) -> tuple[Box, ...]:
    return tuple(sorted(boxes, key=_compute_centre))
