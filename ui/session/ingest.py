"""Ingestion of a visitor's files: decoded in the sandbox, measured, drawn small.

Decoding takes a while, so it happens before the session is locked. Results wait in a scratch
folder, together with the change that stores them in the session.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from inference.core.errors import InputCode, InputError
from inference.core.framing import PictureSize
from inference.core.inputs import Picture, Recording, Speaking, require_long_enough
from inference.core.task import PICTURE, voice_name
from inference.media.image import render_crop
from inference.media.ingest import ingest_files, read_picture, read_recording
from inference.media.phrases import (
    BOTH,
    Phrase,
    cut_into_parts,
    find_cuts,
    find_phrases,
    split_recording,
)
from inference.media.sandbox.runner import DIRECT, Sandbox
from inference.media.speech_synthesis import Line, Sentence, synthesize_speech
from presets.examples import EXAMPLES, MEDIA
from ui.media.subtitles import split_sentences
from ui.media.uploads import UploadStore
from ui.session import waveform
from ui.session.commands import AddPicture, AddVoice, TurnPicture, UseExample
from ui.session.dialogue import find_parts, speak_together
from ui.session.reducer import reset_outdated_trim, set_voices, undo_split
from ui.session.requests import MAX_SPEAKERS, Framing, find_splittable_voice, guess_slot
from ui.session.session import Choices, Session, StoredPicture, StoredVoice
from ui.session.store import SessionStore
from ui.strings import text, voice_wording

PREVIEW_PX = 1600  # longer side of the picture that the framing is adjusted on
BAR_COUNT = 600  # in the drawing of a recording
_JPEG_QUALITY = 90

SessionChange = Callable[[Session], Session]


@dataclass(frozen=True)
class _IngestedPicture:
    name: str
    clean: Path
    preview: Path
    picture: Picture


@dataclass(frozen=True)
class _IngestedVoice:
    name: str
    clean: Path
    recording: Recording
    bars: tuple[float, ...]
    phrases: tuple[Phrase, ...]
    sentences: tuple[Sentence, ...] = ()


class Ingester:
    """Reader of input files, for one data folder; `sandbox` decodes them.

    Each public method is a context manager that yields a change for a locked session; files that
    the change did not store are deleted at its end. Each raises PortraitError if a file can't be
    used, WriteUnavailable if this machine has lost write access meanwhile, and OSError.
    """

    def __init__(
        self, sessions: SessionStore, uploads: UploadStore, sandbox: Sandbox = DIRECT
    ) -> None:
        self._sessions, self._uploads, self._sandbox = sessions, uploads, sandbox

    @contextmanager
    def ingest_picture(self, owner: str, action: AddPicture) -> Iterator[SessionChange]:
        """Read an uploaded picture."""
        with self._open_upload(owner, action.upload) as (file, folder):
            clean = folder / "clean.png"
            picture = read_picture(file, clean, None, self._sandbox)
            read = _draw_preview(clean, action.name, picture)
            yield lambda session: self._set_picture(owner, session, read)

    @contextmanager
    def turn_picture(self, owner: str, action: TurnPicture) -> Iterator[SessionChange]:
        """Read the picture of the session again, turned."""
        before = self._sessions.load(owner).picture
        if before is None:
            raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
        with self._sessions.make_scratch_folder() as folder:
            source, clean = self._sessions.make_folder(owner) / before.file, folder / "clean.png"
            if not source.exists():  # replaced while this one waited for its turn
                raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
            picture, known = read_picture(source, clean, action.by, self._sandbox), before.picture
            full = picture.measure_in(known.width, known.height)
            turned = replace(full, turned=(known.turned + action.by) % 360)
            read = _draw_preview(clean, before.name, turned)

            def change(session: Session) -> Session:
                same = session.picture == before
                return self._set_picture(owner, session, read) if same else session

            yield change

    @contextmanager
    def ingest_voice(self, owner: str, action: AddVoice) -> Iterator[SessionChange]:
        """Read an uploaded recording; a lone one must not be silent."""
        alone = self._sessions.load(owner).voices[1 - action.slot] is None
        with self._open_upload(owner, action.upload) as (file, folder):
            clean = folder / "clean.wav"
            recording = read_recording(file, clean, self._sandbox)
            require_long_enough(recording.duration_s)
            read = _measure_voice(clean, action.name, recording)
            if alone and read.recording.is_silent:
                raise InputError(InputCode.SILENT, text.SILENT)

            def change(session: Session) -> Session:
                voices = list(session.voices)
                voices[action.slot] = self._store_voice(owner, read)
                return set_voices(session, (voices[0], voices[1]))

            yield change

    @contextmanager
    def ingest_example(self, owner: str, action: UseExample) -> Iterator[SessionChange]:
        """Read an example; it replaces everything in the session."""
        example = EXAMPLES.get(action.name)
        if example is None:
            raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
        with self._sessions.make_scratch_folder() as folder:
            sources = [MEDIA / name for name in example.voices]
            picture, recordings = ingest_files(
                folder, MEDIA / example.picture, sources, sandbox=self._sandbox
            )
            shown = _draw_preview(folder / PICTURE, example.title, picture)
            voices = [
                _measure_voice(folder / voice_name(index), name, recording)
                for index, (name, recording) in enumerate(
                    zip(example.voices, recordings, strict=True)
                )
            ]

            def change(session: Session) -> Session:
                stored = [self._store_voice(owner, read) for read in voices]
                choices = Choices(speaking=Speaking(example.speaking))
                fresh = Session(
                    voices=(stored[0], stored[1] if len(stored) > 1 else None),
                    choices=choices,
                    draft=session.draft,
                )
                return self._set_picture(owner, fresh, shown)

            yield change

    @contextmanager
    def synthesise_text(
        self, owner: str, lines: Sequence[Line], max_s: float
    ) -> Iterator[SessionChange]:
        """Speak typed lines as recordings of at most `max_s`.

        Two speakers' recordings have the same length.
        """
        with self._sessions.make_scratch_folder() as folder:
            clean = folder / "typed.wav"
            spoken = synthesize_speech(lines, clean, self._sandbox)
            if spoken.recording.is_silent:
                raise InputError(InputCode.BAD_OPTION, text.TYPED_NO_WORDS)
            if spoken.recording.duration_s > max_s:
                sentence = voice_wording.speech_too_long(spoken.recording.duration_s, max_s)
                raise InputError(InputCode.BAD_OPTION, sentence)
            owners = set(spoken.owners)
            if len(owners) > 1:
                parts = cut_into_parts(find_cuts(spoken.phrases), spoken.recording.duration_s)
                reads = _split_recording(clean, folder, text.TYPED_TEXT, parts, spoken.owners)
            else:
                reads = (_measure_voice(clean, text.TYPED_TEXT, spoken.recording),)
            said = zip(spoken.owners, spoken.sentences, strict=True)
            by_line = [(owner, each) for owner, line in said for each in line]
            reads = tuple(
                replace(read, sentences=tuple(each for owner, each in by_line if owner == speaker))
                for speaker, read in zip(sorted(owners), reads, strict=True)
            )

            def change(session: Session) -> Session:
                stored = [self._store_voice(owner, read) for read in reads]
                if len(stored) > 1:
                    return speak_together(set_voices(session, (stored[0], stored[1])))
                # recordings of the text before are replaced
                typed = (voice and voice.name == text.TYPED_TEXT for voice in session.voices)
                voices = [None if t else v for t, v in zip(typed, session.voices, strict=True)]
                voices[owners.pop()] = stored[0]
                return set_voices(session, (voices[0], voices[1]))

            yield change

    @contextmanager
    def split_voice(self, owner: str) -> Iterator[SessionChange]:
        """Split the recording in two, each silent where the other speaks."""
        before = self._sessions.load(owner)
        whole, owners = find_splittable_voice(before), before.owners
        parts = find_parts(before)
        if whole is None or not parts:
            raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
        if len(set(owners)) < MAX_SPEAKERS and BOTH not in owners:
            raise InputError(InputCode.BAD_OPTION, text.SPLIT_ONE_SIDED)
        with self._sessions.make_scratch_folder() as folder:
            clean = self._sessions.make_folder(owner) / whole.file
            reads = _split_recording(clean, folder, whole.name, parts, owners)
            said = split_sentences(whole.sentences, parts, owners)
            reads = tuple(
                replace(read, sentences=each) for read, each in zip(reads, said, strict=True)
            )

            def change(session: Session) -> Session:
                if find_splittable_voice(session) != whole:  # replaced meanwhile
                    return session
                left, right = (self._store_voice(owner, read) for read in reads)
                parted = replace(session, voices=(left, right), editing="", whole=whole)
                return speak_together(replace(parted, cuts=before.cuts, owners=owners))

            yield change

    @contextmanager
    def _open_upload(self, owner: str, upload: str) -> Iterator[tuple[Path, Path]]:
        """Yield the uploaded file, and a scratch folder for what is made of it."""
        with (
            self._sessions.make_scratch_folder() as folder,
            self._uploads.claim(owner, upload) as file,
        ):
            yield file, folder

    def _set_picture(self, owner: str, session: Session, read: _IngestedPicture) -> Session:
        """Return `session` with another picture and a new framing.

        A lone recording goes to the larger face.
        """
        stored = StoredPicture(
            name=read.name,
            file=self._sessions.store_file(owner, read.clean, "picture"),
            preview=self._sessions.store_file(owner, read.preview, "picture"),
            picture=read.picture,
        )
        choices = replace(session.choices, crop=None, speakers=())
        changed = replace(session, picture=stored, choices=choices, middle=False)
        if len(read.picture.faces) < MAX_SPEAKERS:
            changed = undo_split(changed) if changed.owners else changed
        changed = reset_outdated_trim(session, changed)
        first, second = changed.voices
        if (first is None) != (second is None) and guess_slot(changed) != (first is None):
            return replace(changed, voices=(second, first))
        return changed

    def _store_voice(self, owner: str, read: _IngestedVoice) -> StoredVoice:
        file = self._sessions.store_file(owner, read.clean, "voice")
        return StoredVoice(read.name, file, read.recording, read.bars, read.phrases, read.sentences)


def _draw_preview(clean: Path, name: str, picture: Picture) -> _IngestedPicture:
    """Write the preview of the clean picture beside it."""
    preview = clean.with_name("preview.jpg")
    with Image.open(clean, formats=["PNG"]) as opened:
        small = opened.convert("RGB")
    small.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS)
    small.save(preview, "JPEG", quality=_JPEG_QUALITY)
    return _IngestedPicture(name, clean, preview, picture)


def _measure_voice(clean: Path, name: str, recording: Recording) -> _IngestedVoice:
    return _IngestedVoice(
        name, clean, recording, waveform.compute_bars(clean, BAR_COUNT), find_phrases(clean)
    )


def _split_recording(
    clean: Path, folder: Path, name: str, parts: Sequence[Phrase], owners: Sequence[int]
) -> tuple[_IngestedVoice, ...]:
    """Write the recording to `folder` as one file for each speaker."""
    targets = [folder / f"voice-{index}.wav" for index in range(MAX_SPEAKERS)]
    measured = split_recording(clean, parts, owners, targets)
    return tuple(map(_measure_voice, targets, (name, name), measured))


def write_crop(clean: Path, picture: Picture, framing: Framing, to: Path) -> None:
    """Write the picture in its exact frame, as engines start from it, as a JPEG."""
    size, frame = PictureSize(picture.width, picture.height), framing.frame
    pixels = render_crop(clean, size, framing.crop, frame.width, frame.height)
    Image.fromarray(pixels).save(to, "JPEG", quality=_JPEG_QUALITY)
