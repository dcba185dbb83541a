"""From what lies on a desk to what is asked of an engine. Pure."""

from dataclasses import dataclass

from inference.core.framing import (
    Crop,
    choose_speakers,
    fit_crop,
    map_box_to_frame,
    select_faces_to_keep,
)
from inference.core.options import Box
from inference.core.request import Picture, Request
from ui.session.session import Choices, Session, StoredVoice

MAX_SPEAKERS = 2


@dataclass(frozen=True)
class Framing:
    """The exact crop, and the boxes in the frame of those who may speak, left to right."""

    crop: Crop
    faces: tuple[tuple[int, int, int, int], ...]


def find_speakers(desk: Session) -> tuple[Box, ...]:
    """Who may speak, left to right: those chosen, or everyone when that is one or two.

    Empty without a face, and as long as there are more and nobody was chosen.
    """
    if desk.choices.speakers or desk.picture is None:
        return desk.choices.speakers
    faces = desk.picture.picture.faces
    return tuple(face.box for face in faces) if len(faces) <= MAX_SPEAKERS else ()


def must_choose_speakers(desk: Session) -> bool:
    """Whether someone has to say who of the faces speaks."""
    faces = desk.picture.picture.faces if desk.picture else ()
    return len(faces) > MAX_SPEAKERS and not desk.choices.speakers


def guess_slot(desk: Session) -> int:
    """Whose a lone recording most likely is: 0 the left speaker's, 1 the right one's.

    The larger face's, as where nobody can be asked.
    """
    who = find_speakers(desk)
    return int(len(who) > 1 and who[1].width * who[1].height > who[0].width * who[0].height)


def find_splittable_voice(desk: Session) -> StoredVoice | None:
    """The recording that is or can be split between two; None when there are two already."""
    given = [voice for voice in desk.voices if voice]
    return desk.whole or (given[0] if len(given) == 1 else None)


def select_voices(desk: Session) -> tuple[StoredVoice, ...]:
    """The recordings that are used, those of the left and of the right speaker; of one that was
    split all, when only one speaks."""
    if desk.whole and len(find_speakers(desk)) == 1:
        return (desk.whole,)
    given = tuple(voice for voice in desk.voices if voice)
    return given[: max(1, len(find_speakers(desk)))]


def build_request(desk: Session, quality: str) -> Request | None:
    """What is asked for in that quality; None as long as an input is missing.

    Raises InputError when the inputs can't be used.
    """
    voices = select_voices(desk)
    if desk.picture is None or not voices or must_choose_speakers(desk):
        return None
    who = find_speakers(desk)
    if len(voices) < len(who):  # one recording: whoever it belongs to speaks
        who = tuple(box for box, voice in zip(who, desk.voices, strict=True) if voice)
    return _request(desk.choices, desk.picture.picture, voices, who, quality)


def _request(
    choices: Choices,
    picture: Picture,
    voices: tuple[StoredVoice, ...],
    who: tuple[Box, ...],
    quality: str,
) -> Request:
    tuning = choices.get_tuning(quality)
    return Request(
        picture=picture,
        recordings=tuple(voice.recording for voice in voices),
        speaking=choices.speaking,
        shape=choices.shape,
        trim=choices.trim,
        crop=choices.crop,
        speakers=who,
        quality=quality,
        prompt=choices.prompt,
        seed=choices.seed,
        negative_prompt=choices.negative_prompt,
        steps=tuning.steps,
        text_guidance=tuning.text_guidance,
        audio_guidance=tuning.audio_guidance,
    )


def compute_framing(desk: Session) -> Framing | None:
    """What the frame shows of the picture, whatever is said in it; None without a picture.

    Raises InputError when the chosen crop does not show it.
    """
    if desk.picture is None:
        return None
    picture, choices = desk.picture.picture, desk.choices
    who = find_speakers(desk) or tuple(face.box for face in picture.faces)
    known = who if len(who) <= MAX_SPEAKERS else ()
    speaking = choose_speakers(picture.faces, min(len(who), MAX_SPEAKERS), known)
    kept = select_faces_to_keep(picture.faces, speaking)
    crop = fit_crop(picture, kept, choices.shape, choices.crop)
    return Framing(crop, tuple(map_box_to_frame(box, crop, choices.shape) for box in who))
