"""What a choice on the page changes on the desk. Pure: a desk and an action in, a desk out."""

from dataclasses import replace
from functools import singledispatch
from typing import Any

from inference.core.errors import InputCode, InputError
from inference.core.framing import fit_crop
from inference.core.request import MOST_SEED, Box, CropChoice, Shape, Speaking, Trim
from inference.core.tuning import NAMES
from inference.media.phrases import alternated
from presets.quality import PRESETS
from presets.schema import EngineFamily
from ui.session.commands import (
    ChooseCrop,
    ChooseTrim,
    DeleteNot,
    Edit,
    HandOver,
    MoveBox,
    OneVoice,
    Remove,
    ResetFraming,
    ResetTrim,
    Set,
    Speaks,
    Swap,
    Type,
)
from ui.session.requests import MOST_SPEAKERS, likeliest_slot, speakers, speaking_voices, to_split
from ui.session.session import Choices, Desk, Voices
from ui.strings import scene_wording, text

SMALLEST_BOX_PX = 16.0
# What Scene and quality asks about the final video; what is wrong with it is said there.
SCENE_FIELDS = {"prompt", "negative_prompt", "seed", *NAMES}


def with_voices(desk: Desk, voices: Voices) -> Desk:
    """`desk` with other recordings, of which all is used."""
    changed = replace(_choose(desk, trim=None), voices=voices, whole=None, owners=())
    return changed if desk.editing == "framing" else replace(changed, editing="")


def untrimmed(before: Desk, after: Desk) -> Desk:
    """`after`; all of its recordings is used if others are used than `before`."""
    same = speaking_voices(before) == speaking_voices(after)
    return after if same else _choose(after, trim=None)


def unsplit(desk: Desk) -> Desk:
    """`desk` with the recording that was split; nothing else of it changes."""
    changed = replace(desk, whole=None, owners=(), editing="")
    if desk.whole is None:
        return changed
    right = likeliest_slot(desk) == 1
    return replace(changed, voices=(None, desk.whole) if right else (desk.whole, None))


@singledispatch
def change(action: object, desk: Desk) -> Desk:
    """`desk` after `action`. Raises InputError when that can't be, TypeError for no choice."""
    raise TypeError(f"{action} is no choice")


@change.register
def _edit(action: Edit, desk: Desk) -> Desk:
    if action.what != "split":
        return replace(desk, editing=action.what)
    voice = to_split(desk)
    if voice is None or len(voice.phrases) < 2:
        raise InputError(InputCode.BAD_OPTION, text.NO_PAUSE)
    owners = desk.owners or alternated(voice.phrases)
    return replace(desk, editing="split", owners=owners)


@change.register
def _hand_over(action: HandOver, desk: Desk) -> Desk:
    owners = list(desk.owners)
    if action.phrase < len(owners):
        owners[action.phrase] = 1 - owners[action.phrase]
    return replace(desk, owners=tuple(owners))


@change.register
def _one_voice(action: OneVoice, desk: Desk) -> Desk:
    return unsplit(desk)


@change.register
def _type(action: Type, desk: Desk) -> Desk:
    return replace(desk, typed=action.text)


@change.register
def _delete_not(action: DeleteNot, desk: Desk) -> Desk:
    return replace(desk, deleting=False)


@change.register
def _swap(action: Swap, desk: Desk) -> Desk:
    swapped = _swapped(desk)
    return swapped if desk.whole else with_voices(desk, swapped.voices)


def _swapped(desk: Desk) -> Desk:
    left, right = desk.voices
    owners = tuple(1 - owner for owner in desk.owners)
    return replace(desk, voices=(right, left), owners=owners)


@change.register
def _remove(action: Remove, desk: Desk) -> Desk:
    left, right = desk.voices
    return with_voices(desk, (None, right) if action.slot == 0 else (left, None))


@change.register
def _crop(action: ChooseCrop, desk: Desk) -> Desk:
    if desk.picture is None:
        return desk
    crop = CropChoice(round(action.left), round(action.top), round(action.width))
    fit_crop(desk.picture.picture, (), desk.choices.shape, crop)  # refuses what shows nothing
    return _choose(desk, crop=crop)


@change.register
def _reset_framing(action: ResetFraming, desk: Desk) -> Desk:
    return _choose(desk, crop=None, speakers=())


@change.register
def _box(action: MoveBox, desk: Desk) -> Desk:
    boxes = list(speakers(desk))
    if desk.picture is None or action.index >= len(boxes):
        return desk
    box = Box(
        max(action.left, 0),
        max(action.top, 0),
        min(action.right, desk.picture.picture.width),
        min(action.bottom, desk.picture.picture.height),
    )
    if min(box.width, box.height) < SMALLEST_BOX_PX:
        raise InputError(InputCode.BAD_OPTION, text.BOX_OUTSIDE)
    boxes[action.index] = box
    return _choose(desk, speakers=_left_to_right(boxes))


@change.register
def _speaks(action: Speaks, desk: Desk) -> Desk:
    """A third one takes the place of the nearer of two."""
    faces = desk.picture.picture.faces if desk.picture else ()
    if action.face >= len(faces):
        return desk
    box, chosen = faces[action.face].box, list(desk.choices.speakers)
    if box in chosen:
        chosen.remove(box)
    else:
        if len(chosen) == MOST_SPEAKERS:
            chosen.remove(min(chosen, key=lambda other: abs(_centre(other) - _centre(box))))
        chosen.append(box)
    before, after = desk.choices.speakers, _left_to_right(chosen)
    changed = _choose(desk, speakers=after)
    if {len(before), len(after)} == {1, 2} and before[-1:] == after[-1:] and all(desk.voices):
        changed = _swapped(changed)  # the left one goes or comes: the right one keeps their voice
    return untrimmed(desk, changed)


@change.register
def _trim(action: ChooseTrim, desk: Desk) -> Desk:
    return _choose(desk, trim=Trim(action.start, action.end))


@change.register
def _reset_trim(action: ResetTrim, desk: Desk) -> Desk:
    return _choose(desk, trim=None)


@change.register
def _set(action: Set, desk: Desk) -> Desk:
    value = str(action.value)
    match action.field:
        case "fold-advanced":
            return replace(desk, advanced=action.value is True)
        case "fold-tuning":
            return replace(desk, tuning=action.value is True)
        case "fold-boxes":
            return replace(desk, boxes=action.value is True)
        case "speaking" if value in set(Speaking):
            return _choose(desk, speaking=Speaking(value), trim=None)
        case "shape" if value in set(Shape):
            return _choose(desk, shape=Shape(value), crop=None)
        case "quality" if value in PRESETS and PRESETS[value].engine is EngineFamily.MULTITALK:
            return _choose(desk, quality=value)
        case "prompt" | "negative_prompt":
            return _choose(desk, **{action.field: value.strip()})
        case name if name in NAMES:
            return _tuned(desk, name, value.strip())
        case "seed":
            return _choose(desk, seed=_seed(value))
    raise InputError(InputCode.BAD_OPTION, text.BROKE, f"{action.field}: {value}")


def _tuned(desk: Desk, name: str, value: str) -> Desk:
    """With another of the chosen quality's numbers; its own again when `value` is empty."""
    quality, whole = PRESETS[desk.choices.quality], name == "steps"
    try:
        number = (int(value) if whole else float(value)) if value else None
    except ValueError as error:
        allowed = getattr(quality.bounds, name)
        refusal = scene_wording.use_number(NAMES[name], allowed, whole)
        raise InputError(InputCode.BAD_OPTION, refusal) from error
    own: dict[str, Any] = {name: number}
    tuning = replace(desk.choices.tuning(quality.name), **own)
    tuning.require_in(quality.bounds, quality.title)
    return _choose(desk, tuned={**desk.choices.tuned, quality.name: tuning})


def _seed(value: str) -> int:
    if not value.isdecimal() or int(value) > MOST_SEED:
        raise InputError(InputCode.BAD_OPTION, text.BAD_SEED)
    return int(value)


def _choose(desk: Desk, **chosen: object) -> Desk:
    """`desk` with other choices, by the names of `Choices`."""
    choices: Choices = replace(desk.choices, **chosen)  # type: ignore[arg-type]
    return replace(desk, choices=choices)


def _centre(box: Box) -> float:
    return (box.left + box.right) / 2


def _left_to_right(boxes: list[Box]) -> tuple[Box, ...]:
    return tuple(sorted(boxes, key=_centre))
