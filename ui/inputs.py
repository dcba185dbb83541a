"""A person's files onto their desk: decoded in the sandbox, measured, drawn small.

Decoding takes a while, so it happens before the desk is locked. What comes out waits in a scratch
folder, together with the change that lays it on the desk.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from inference.errors import InputCode, InputError
from inference.framing import PictureSize
from inference.media.image import render_crop
from inference.media.sandbox import read_picture, read_recording
from inference.request import Picture, Recording, Speaking, require_long_enough
from presets.examples import EXAMPLES, MEDIA
from ui import text, voice
from ui.actions import GivePicture, GiveVoice, TakeExample
from ui.choices import with_voices
from ui.desk import Choices, Desk, Desks, GivenPicture, GivenVoice
from ui.requests import Framing, likeliest_slot
from ui.uploads import Uploads

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


class Inputs:
    """Reads what is given, for one folder of data.

    Each method is a context whose value changes a locked desk; files that were not laid on one are
    deleted at its end. Each raises PortraitError when a file can't be used, OSError for the disk.
    """

    def __init__(self, desks: Desks, uploads: Uploads) -> None:
        self._desks, self._uploads = desks, uploads
        self._reading = threading.BoundedSemaphore(_AT_ONCE)

    @contextmanager
    def picture(self, owner: str, action: GivePicture) -> Iterator[Change]:
        """An uploaded picture."""
        with self._uploaded(owner, action.upload) as file:
            read = _read_picture(file, action.name)
            yield lambda desk: self._with_picture(owner, desk, read)

    @contextmanager
    def voice(self, owner: str, action: GiveVoice) -> Iterator[Change]:
        """An uploaded recording. One that is alone has to hold a voice."""
        alone = self._desks.load(owner).voices[1 - action.slot] is None
        with self._uploaded(owner, action.upload) as file:
            read = _read_voice(file, action.name)
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
            files = [Path(shutil.copy(MEDIA / chosen.picture, folder / "picture"))]
            for index, name in enumerate(chosen.voices):
                files.append(Path(shutil.copy(MEDIA / name, folder / f"voice-{index}")))
            picture = readers.submit(_read_picture, files[0], chosen.title)
            voices = [*readers.map(_read_voice, files[1:], chosen.voices)]

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
    def _uploaded(self, owner: str, upload: str) -> Iterator[Path]:
        """The uploaded file in a scratch folder of its own."""
        with self._reading, self._desks.scratch() as folder:
            source = self._uploads.take(owner, upload)
            if source is None:
                raise InputError(InputCode.NOT_FOUND, text.UPLOAD_GONE)
            yield Path(shutil.move(source, folder / "upload"))

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
        first, second = desk.voices
        if (first is None) != (second is None) and likeliest_slot(changed) != (first is None):
            return replace(changed, voices=(second, first))
        return changed

    def _adopted(self, owner: str, read: _ReadVoice) -> GivenVoice:
        file = self._desks.adopt(owner, read.clean, "voice")
        return GivenVoice(read.name, file, read.recording, read.bars)


def _read_picture(source: Path, name: str) -> _ReadPicture:
    """The picture `source`, its clean copy and its preview beside it."""
    clean, preview = source.with_suffix(".png"), source.with_suffix(".jpg")
    picture = read_picture(source, clean)
    with Image.open(clean, formats=["PNG"]) as opened:
        small = opened.convert("RGB")
    small.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS)
    small.save(preview, "JPEG", quality=_QUALITY)
    return _ReadPicture(name, clean, preview, picture)


def _read_voice(source: Path, name: str) -> _ReadVoice:
    """The recording `source`, its clean copy beside it."""
    clean = source.with_suffix(".wav")
    recording = read_recording(source, clean)
    require_long_enough(recording.duration_s)
    return _ReadVoice(name, clean, recording, voice.bars(clean, BARS))


def draw_crop(clean: Path, picture: Picture, framing: Framing, choices: Choices, to: Path) -> None:
    """Write the finished frame's picture, exactly as engines start from it, as a JPEG."""
    size, shape = PictureSize(picture.width, picture.height), choices.shape
    pixels = render_crop(clean, size, framing.crop, shape.width, shape.height)
    Image.fromarray(pixels).save(to, "JPEG", quality=_QUALITY)
