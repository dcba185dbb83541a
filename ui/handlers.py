"""What happens on each event of the page: files are taken in, jobs are made and followed.

Every method answers with a view; what goes wrong becomes a sentence on it. Nothing here knows
Gradio.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from inference import jobs
from inference.errors import (
    Fault,
    FaultCode,
    InputCode,
    InputError,
    PortraitError,
    disk_fault,
    no_face,
)
from inference.framing import PictureSize
from inference.media.image import render_crop
from inference.media.sandbox import read_picture, read_recording
from inference.plan import Plan, make_plan
from inference.request import SAMPLE_RATE_HZ, Picture, Recording, Request
from inference.settings import Settings
from inference.task import PICTURE, Task, voice_name
from presets.quality import PRESETS
from ui import media, progress, text, views, voice
from ui.views import CardView, GivenPicture, GivenVoice, StageView

logger = logging.getLogger(__name__)

QUALITY = "draft"
_UPLOAD = "upload"  # an upload's name until it is read; the person's own name reaches no path
_UPLOAD_LASTS_S = 600  # at most
_CROP_QUALITY = 92  # of the JPEG that shows the crop
_BARS = 84  # that draw a recording in its card
_ANY_PICTURE = Picture(1, 1)
_ANY_VOICE = Recording(SAMPLE_RATE_HZ, 1, peak_dbfs=-1.0, level_dbfs=-20.0)


@dataclass(frozen=True)
class Job:
    """A job that the page follows."""

    id: str
    plan: Plan
    started: datetime


class Handlers:
    """The page's events, for one folder of data."""

    def __init__(self, settings: Settings) -> None:
        self._data = settings.data
        self.longest_s = settings.longest_s(PRESETS[QUALITY].engine)

    def give_picture(
        self, upload: str, before: GivenPicture | None
    ) -> Iterator[tuple[GivenPicture | None, CardView]]:
        """Take a picture in; one that can't be used leaves the one before in its place."""
        yield before, views.picture_card(before, busy=text.PICTURE_READING)
        try:
            given = self._take_picture(Path(upload))
        except Exception as error:
            yield before, views.picture_card(before, _sentence(error))
        else:
            self.forget(before)
            yield given, views.picture_card(given)

    def give_voice(
        self, upload: str, before: GivenVoice | None
    ) -> Iterator[tuple[GivenVoice | None, CardView]]:
        """Take a recording in, likewise."""
        yield before, views.voice_card(before, self.longest_s, busy=text.VOICE_READING)
        try:
            given = self._take_voice(Path(upload))
        except Exception as error:
            yield before, views.voice_card(before, self.longest_s, _sentence(error))
        else:
            self.forget(before)
            yield given, views.voice_card(given, self.longest_s)

    def arrange(self, picture: GivenPicture | None, voice: GivenVoice | None) -> StageView:
        """What is there by now: nothing, one of the two, or a plan."""
        if picture is None or voice is None:
            return views.waiting(picture, voice)
        try:
            return views.planned(picture.job, self._plan(picture, voice)[1])
        except Exception as error:
            return views.waiting(picture, voice, _sentence(error))

    def make(self, picture: GivenPicture, voice: GivenVoice) -> tuple[Job | None, StageView]:
        """Start the job; it has its own copy of the inputs and no longer needs the page."""
        request, plan = self._plan(picture, voice)
        try:
            folder = self._start(request, plan, picture, voice)
        except Exception as error:
            return None, views.planned(picture.job, plan, _sentence(error))
        job = Job(folder.name, plan, datetime.now(UTC))
        return job, self.follow(job)

    def follow(self, job: Job) -> StageView:
        """Where the job stands now."""
        folder = self._folder(job.id)
        shown = progress.read(jobs.events(folder), job.plan, job.started, datetime.now(UTC))
        if shown.final is not None:
            return views.ended(job.id, job.plan, shown)
        return views.running(job.id, job.plan, shown, jobs.is_cancelled(folder))

    def stop(self, job: Job) -> StageView:
        """Ask the job to stop; it shows when it has."""
        jobs.cancel(self._folder(job.id))
        return self.follow(job)

    def forget(self, given: GivenPicture | GivenVoice | None) -> None:
        """Delete what was given; jobs that were made of it keep theirs."""
        if given is not None:
            shutil.rmtree(self._folder(given.job), ignore_errors=True)

    def _folder(self, job: str) -> Path:
        return self._data / jobs.JOBS / job

    def _start(
        self, request: Request, plan: Plan, picture: GivenPicture, voice: GivenVoice
    ) -> Path:
        """The folder of a new job at work. Raises OSError; nothing is left then."""
        folder = jobs.new_job(self._data)
        try:
            for name in (PICTURE, media.CROP):
                _link(self._folder(picture.job) / name, folder / name)
            _link(self._folder(voice.job) / voice_name(0), folder / voice_name(0))
            jobs.start(Task(request, plan, folder))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _plan(self, picture: GivenPicture, voice: GivenVoice) -> tuple[Request, Plan]:
        request = Request(picture.picture, (voice.recording,), quality=QUALITY)
        return request, make_plan(request, self.longest_s)

    def _take_picture(self, upload: Path) -> GivenPicture:
        """Raises PortraitError: not a picture, too large, no face; OSError: the disk."""
        with self._received(upload) as folder:
            picture = read_picture(folder / _UPLOAD, folder / PICTURE)
            return self._frame(folder, picture)

    def _frame(self, folder: Path, picture: Picture) -> GivenPicture:
        """Writes the crop; which part it shows does not depend on the recording."""
        if not picture.faces:
            raise no_face()
        plan = make_plan(Request(picture, (_ANY_VOICE,), quality=QUALITY), self.longest_s)
        size = PictureSize(plan.width, plan.height)
        pixels = render_crop(folder / PICTURE, plan.picture, plan.crop, plan.width, plan.height)
        Image.fromarray(pixels).save(folder / media.CROP, "JPEG", quality=_CROP_QUALITY)
        return GivenPicture(folder.name, picture, size, plan.speakers[0].box)

    def _take_voice(self, upload: Path) -> GivenVoice:
        """Raises PortraitError: no sound, too short, too long, silent; OSError: the disk."""
        with self._received(upload) as folder:
            recording = read_recording(folder / _UPLOAD, folder / voice_name(0))
            if recording.duration_s > self.longest_s:
                message = text.too_long(recording.duration_s, self.longest_s)
                raise InputError(InputCode.TOO_LONG, message)
            Request(_ANY_PICTURE, (recording,))  # refuses what is too short or silent
            bars = voice.bars(folder / voice_name(0), _BARS)
            return GivenVoice(folder.name, recording, upload.name, bars)

    @contextmanager
    def _received(self, upload: Path) -> Iterator[Path]:
        """A new folder that the uploaded file was moved into. The upload goes when it is read;
        after an error so does the folder."""
        folder = jobs.new_job(self._data)
        try:
            shutil.move(upload, folder / _UPLOAD)
            _tidy(upload)
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / _UPLOAD).unlink()


def _tidy(upload: Path) -> None:
    """Remove what Gradio leaves of a moved upload: its own folder and an empty file beside it.

    Such a file may also be another upload that has just begun, so only old ones go.
    """
    old = time.time() - _UPLOAD_LASTS_S
    with suppress(OSError):
        upload.parent.rmdir()
        for left in upload.parent.parent.glob("tmp*"):
            found = left.stat()
            if not found.st_size and found.st_mtime < old:
                left.unlink()


def _link(source: Path, target: Path) -> None:
    """Have `target` be the same file; a copy where the file system knows no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _sentence(error: Exception) -> str:
    """What the page says of an error; one that is ours is logged."""
    if isinstance(error, OSError):
        error = disk_fault(error)
    elif not isinstance(error, PortraitError):
        logger.error("the page broke", exc_info=error)
        error = Fault(FaultCode.INTERNAL, text.BROKE)
    return error.message
