"""A person's files onto their desk: decoded in the sandbox, measured, drawn small.

Decoding takes a while, so it happens before the desk is locked. What comes out waits in a scratch
folder, together with the change that lays it on the desk.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

from PIL import Image

from inference.core.errors import InputCode, InputError
from inference.core.framing import PictureSize
from inference.core.request import Picture, Recording, Speaking, require_long_enough
from inference.media.image import render_crop
from inference.media.phrases import Phrase, find_phrases, part
from inference.media.sandbox import read_picture, read_recording
from inference.media.speech_synthesis import Line, can_speak, say
from presets.examples import EXAMPLES, MEDIA
from ui.media.uploads import Uploads
from ui.session import waveform
from ui.session.commands import GivePicture, GiveVoice, TakeExample
from ui.session.reducer import unsplit, untrimmed, with_voices
from ui.session.requests import MOST_SPEAKERS, Framing, likeliest_slot, to_split
from ui.session.session import Choices, Desk, Desks, GivenPicture, GivenVoice
from ui.strings import text, voice_wording

PREVIEW_PX = 1600  # longer side of the picture that the framing is adjusted on
BARS = 600  # that draw a recording
_AT_ONCE = 2  # people whose files are decoded; each file may take 1.5 GiB
_QUALITY = 90  # of the JPEGs a page shows

Change = Callable[[Desk], Desk]


@dataclass(frozen=True)
class _ReadPicture:
    name: str
    clean: Path
    preview: Path
    picture: Picture


@dataclass(frozen=True)
class _ReadVoice:
    name: str
    clean: Path
    recording: Recording
    bars: tuple[float, ...]
    phrases: tuple[Phrase, ...]


class Inputs:
    """Reads what is given, for one folder of data.

    Each method is a context whose value changes a locked desk; files that were not laid on one are
    deleted at its end. Each raises PortraitError when a file can't be used, Moving also when that
    could be told only after this machine's turn, OSError for the disk.
    """

    def __init__(self, desks: Desks, uploads: Uploads) -> None:
        self._desks, self._uploads = desks, uploads
        self._reading = threading.BoundedSemaphore(_AT_ONCE)

    @contextmanager
    def picture(self, owner: str, action: GivePicture) -> Iterator[Change]:
        """An uploaded picture."""
        with self._uploaded(owner, action.upload) as (file, folder):
            read = _read_picture(file, folder, action.name)
            yield lambda desk: self._with_picture(owner, desk, read)

    @contextmanager
    def voice(self, owner: str, action: GiveVoice) -> Iterator[Change]:
        """An uploaded recording. One that is alone has to hold a voice."""
        alone = self._desks.load(owner).voices[1 - action.slot] is None
        with self._uploaded(owner, action.upload) as (file, folder):
            read = _read_voice(file, folder, action.name)
            if alone and read.recording.silent:
                raise InputError(InputCode.SILENT, text.SILENT)

            def lay(desk: Desk) -> Desk:
                voices = list(desk.voices)
                voices[action.slot] = self._adopted(owner, read)
                return with_voices(desk, (voices[0], voices[1]))

            yield lay

    @contextmanager
    def example(self, owner: str, action: TakeExample) -> Iterator[Change]:
        """An example, in place of everything on the desk."""
        chosen = EXAMPLES.get(action.name)
        if chosen is None:
            raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
        with self._reading, self._desks.scratch() as folder, ThreadPoolExecutor() as readers:
            picture = readers.submit(_read_picture, MEDIA / chosen.picture, folder, chosen.title)
            sources = [MEDIA / name for name in chosen.voices]
            voices = [*readers.map(_read_voice, sources, repeat(folder), chosen.voices)]

            def lay(desk: Desk) -> Desk:
                given = [self._adopted(owner, read) for read in voices]
                choices = Choices(speaking=Speaking(chosen.speaking))
                fresh = Desk(
                    voices=(given[0], given[1] if len(given) > 1 else None),
                    choices=choices,
                    draft=desk.draft,
                )
                return self._with_picture(owner, fresh, picture.result())

            yield lay

    @contextmanager
    def typed(self, owner: str, lines: Sequence[Line], longest_s: float) -> Iterator[Change]:
        """Typed lines as recordings, of at most `longest_s`; of two people both are as long."""
        if not can_speak():
            raise InputError(InputCode.BAD_OPTION, text.TYPE_MISSING)
        with self._reading, self._desks.scratch() as folder:
            clean = folder / "typed.wav"
            spoken = say(lines, clean)
            if spoken.recording.silent:
                raise InputError(InputCode.BAD_OPTION, text.TYPED_NO_WORDS)
            if spoken.recording.duration_s > longest_s:
                sentence = voice_wording.speech_too_long(spoken.recording.duration_s, longest_s)
                raise InputError(InputCode.BAD_OPTION, sentence)
            who = set(spoken.owners)
            if len(who) > 1:
                reads = _parted(clean, folder, text.TYPED_TEXT, spoken.phrases, spoken.owners)
            else:
                reads = (_measured(clean, text.TYPED_TEXT, spoken.recording),)

            def lay(desk: Desk) -> Desk:
                given = [self._adopted(owner, read) for read in reads]
                if len(given) > 1:
                    together = replace(desk.choices, speaking=Speaking.TOGETHER)
                    return with_voices(replace(desk, choices=together), (given[0], given[1]))
                # of what was typed before nothing is said any more
                typed = (voice and voice.name == text.TYPED_TEXT for voice in desk.voices)
                voices = [None if t else v for t, v in zip(typed, desk.voices, strict=True)]
                voices[who.pop()] = given[0]
                return with_voices(desk, (voices[0], voices[1]))

            yield lay

    @contextmanager
    def split(self, owner: str) -> Iterator[Change]:
        """The one recording as two, each silent where the other one speaks."""
        before = self._desks.load(owner)
        whole, owners = to_split(before), before.owners
        if whole is None or len(owners) != len(whole.phrases):
            raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
        if len(set(owners)) < MOST_SPEAKERS:
            raise InputError(InputCode.BAD_OPTION, text.SPLIT_ONE_SIDED)
        with self._desks.scratch() as folder:
            clean = self._desks.folder(owner) / whole.file
            reads = _parted(clean, folder, whole.name, whole.phrases, owners)

            def lay(desk: Desk) -> Desk:
                if to_split(desk) != whole:  # another recording was given meanwhile
                    return desk
                left, right = (self._adopted(owner, read) for read in reads)
                choices = replace(desk.choices, speaking=Speaking.TOGETHER)
                done = replace(desk, voices=(left, right), choices=choices, editing="")
                return replace(done, whole=whole, owners=owners)

            yield lay

    @contextmanager
    def _uploaded(self, owner: str, upload: str) -> Iterator[tuple[Path, Path]]:
        """The uploaded file, and a scratch folder for what is made of it."""
        with self._reading, self._desks.scratch() as folder:
            with self._uploads.lent(owner, upload) as file:
                yield file, folder

    def _with_picture(self, owner: str, desk: Desk, read: _ReadPicture) -> Desk:
        """Another picture is framed anew; a lone voice belongs to whoever is nearest."""
        given = GivenPicture(
            name=read.name,
            file=self._desks.adopt(owner, read.clean, "picture"),
            preview=self._desks.adopt(owner, read.preview, "picture"),
            picture=read.picture,
        )
        choices = replace(desk.choices, crop=None, speakers=())
        changed = replace(desk, picture=given, choices=choices, middle=False)
        if len(read.picture.faces) < MOST_SPEAKERS:
            changed = unsplit(changed) if changed.owners else changed
        changed = untrimmed(desk, changed)
        first, second = changed.voices
        if (first is None) != (second is None) and likeliest_slot(changed) != (first is None):
            return replace(changed, voices=(second, first))
        return changed

    def _adopted(self, owner: str, read: _ReadVoice) -> GivenVoice:
        file = self._desks.adopt(owner, read.clean, "voice")
        return GivenVoice(read.name, file, read.recording, read.bars, read.phrases)


def _read_picture(source: Path, folder: Path, name: str) -> _ReadPicture:
    """The picture `source`, its clean copy and its preview in `folder`."""
    clean, preview = folder / "clean.png", folder / "preview.jpg"
    picture = read_picture(source, clean)
    with Image.open(clean, formats=["PNG"]) as opened:
        small = opened.convert("RGB")
    small.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS)
    small.save(preview, "JPEG", quality=_QUALITY)
    return _ReadPicture(name, clean, preview, picture)


def _read_voice(source: Path, folder: Path, name: str) -> _ReadVoice:
    """The recording `source`, its clean copy in `folder`."""
    clean = folder / f"{source.stem}.wav"
    recording = read_recording(source, clean)
    require_long_enough(recording.duration_s)
    return _measured(clean, name, recording)


def _measured(clean: Path, name: str, recording: Recording) -> _ReadVoice:
    return _ReadVoice(name, clean, recording, waveform.bars(clean, BARS), find_phrases(clean))


def _parted(
    clean: Path, folder: Path, name: str, phrases: Sequence[Phrase], owners: Sequence[int]
) -> tuple[_ReadVoice, ...]:
    """The recording as one of each of two, in `folder`."""
    targets = [folder / f"voice-{index}.wav" for index in range(MOST_SPEAKERS)]
    measured = part(clean, phrases, owners, targets)
    return tuple(map(_measured, targets, (name, name), measured))


def draw_crop(clean: Path, picture: Picture, framing: Framing, choices: Choices, to: Path) -> None:
    """Write the finished frame's picture, exactly as engines start from it, as a JPEG."""
    size, shape = PictureSize(picture.width, picture.height), choices.shape
    pixels = render_crop(clean, size, framing.crop, shape.width, shape.height)
    Image.fromarray(pixels).save(to, "JPEG", quality=_QUALITY)
