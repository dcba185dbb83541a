"""Requests of sessions: speakers, voices, frame. Pure."""

from dataclasses import dataclass, fields

from inference.core.framing import (
    Crop,
    choose_speakers,
    fit_crop,
    map_box_to_frame,
    measure_frame,
    select_faces_to_keep,
)
from inference.core.inputs import Box, FrameSize
from inference.core.options import JobOptions
from inference.core.request import Request
from ui.media.titles import compose_title
from ui.session.session import Choices, Session, StoredVoice

MAX_SPEAKERS = 2
_CHOSEN = {field.name for field in fields(JobOptions)} & {field.name for field in fields(Choices)}


@dataclass(frozen=True)
class Framing:
    """Exact crop, the frame that it fills, and the boxes in there of those who may speak, left to
    right."""

    frame: FrameSize
    crop: Crop
    faces: tuple[tuple[int, int, int, int], ...]


def find_speakers(session: Session) -> tuple[Box, ...]:
    """Return those who may speak, left to right: the chosen ones, or one or two faces.

    Empty without a face, and while there are more faces and none is chosen.
    """
    if session.choices.speakers or session.picture is None:
        return session.choices.speakers
    faces = session.picture.picture.faces
    return tuple(face.box for face in faces) if len(faces) <= MAX_SPEAKERS else ()


def must_choose_speakers(session: Session) -> bool:
    """Return whether there are too many faces and none is chosen."""
    faces = session.picture.picture.faces if session.picture else ()
    return len(faces) > MAX_SPEAKERS and not session.choices.speakers


def has_hidden_mouth(session: Session) -> bool:
    """Return whether the mouth of one who may speak seems to be hidden."""
    faces, boxes = session.picture.picture.faces if session.picture else (), find_speakers(session)
    speaking = choose_speakers(faces, len(boxes), boxes)
    return any(face.mouth_hidden for face in speaking)


def guess_slot(session: Session) -> int:
    """Return the slot of a lone recording, the larger face's: 0 left, 1 right."""
    boxes = find_speakers(session)
    areas = [box.width * box.height for box in boxes]
    return int(len(areas) > 1 and areas[1] > areas[0])


def find_splittable_voice(session: Session) -> StoredVoice | None:
    """Return the recording that is or can be split between two; None when there are two."""
    stored = [voice for voice in session.voices if voice]
    return session.whole or (stored[0] if len(stored) == 1 else None)


def select_voices(session: Session) -> tuple[StoredVoice, ...]:
    """Return the recordings that are used, left speaker first.

    If one was split and only one person speaks, all of it is used.
    """
    if session.whole and len(find_speakers(session)) == 1:
        return (session.whole,)
    stored = tuple(voice for voice in session.voices if voice)
    return stored[: max(1, len(find_speakers(session)))]


def build_title(session: Session) -> str:
    """Return the title of a video of the session's inputs; typed text is known by its start."""
    voices = [
        voice.sentences[0].words if voice.sentences else voice.name
        for voice in select_voices(session)
    ]
    return compose_title(session.picture.name if session.picture else "", voices)


def build_request(session: Session, quality: str) -> Request | None:
    """Return the request in that quality; None while an input is missing.

    Raises InputError when the inputs can't be used.
    """
    voices, choices = select_voices(session), session.choices
    if session.picture is None or not voices or must_choose_speakers(session):
        return None
    boxes = find_speakers(session)
    if len(voices) < len(boxes):  # one recording: its owner speaks
        boxes = tuple(box for box, voice in zip(boxes, session.voices, strict=True) if voice)
    options = {name: getattr(choices, name) for name in _CHOSEN} | vars(choices.get_tuning(quality))
    options |= {"speakers": boxes, "quality": quality}
    recordings = tuple(voice.recording for voice in voices)
    return Request(session.picture.picture, recordings, **options)


def compute_framing(session: Session) -> Framing | None:
    """Return the frame of the picture, with or without voices; None without a picture.

    Raises InputError when the chosen crop does not show it.
    """
    if session.picture is None:
        return None
    picture, choices = session.picture.picture, session.choices
    boxes = find_speakers(session) or tuple(face.box for face in picture.faces)
    chosen = boxes if len(boxes) <= MAX_SPEAKERS else ()
    speaking = choose_speakers(picture.faces, min(len(boxes), MAX_SPEAKERS), chosen)
    kept = select_faces_to_keep(picture.faces, speaking)
    frame = measure_frame(choices.shape, picture)
    crop = fit_crop(picture, kept, choices.shape, choices.crop)
    return Framing(frame, crop, tuple(map_box_to_frame(box, crop, frame) for box in boxes))
