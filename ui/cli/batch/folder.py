"""The folder that a batch writes into: videos, what is known of them, posters, the contact sheet.

Everything there is whole at any moment, however the batch ends, and one batch at a time writes.
"""

import hashlib
import importlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from inference.core import report
from inference.core.errors import InputCode, InputError
from inference.core.report import Report
from inference.core.task import REPORT, RESULT
from inference.jobs import lock
from ui.cli.batch import words
from ui.cli.batch.contact_sheet import Card, Clip
from ui.cli.generate import end_remote_work

SHEET, RECORDS, POSTERS = "index.html", "batch.json", "posters"
_LOCK, _WORK = ".batch.lock", ".making"
_NEW_RECORD = (
    "made.json"  # in the work's folder: the record of the video that is just being put in place
)
_CLIPS = TypeAdapter(dict[str, Clip])


class BatchFolder:
    """One open folder; see `open_batch`."""

    def __init__(self, path: Path) -> None:
        self.path, self._work = path, path / _WORK
        self._clips = self._read_records(path / RECORDS)

    def build_card(self, name: str) -> Card:
        """The video of that name as it lies here, or one that is still to be made."""
        video, poster = self.video_path(name), self.path / POSTERS / f"{name}.jpg"
        if not video.exists():
            return Card(name)
        return Card(
            name,
            self._clips.get(name),
            self._read_report(name),
            video=video.name,
            poster=f"{POSTERS}/{poster.name}" if poster.exists() else None,
        )

    def video_path(self, name: str) -> Path:
        """Where the video of that name lies, or will."""
        return self.path / f"{name}.mp4"

    def is_current(self, name: str, fingerprint: str) -> bool:
        """Whether the video of that name was made here of just that."""
        clip = self._clips.get(name)
        return (
            clip is not None and clip.fingerprint == fingerprint and self.video_path(name).exists()
        )

    def is_foreign(self, name: str) -> bool:
        """Whether there is something of that name that no batch has made."""
        return name not in self._clips and self.video_path(name).exists()

    @contextmanager
    def make_work_folder(self) -> Iterator[Path]:
        """A new folder to make a video in; its name is that of the work on Modal, too."""
        self._delete_work()
        folder = self._work / secrets.token_hex(16)
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield folder
        finally:
            self._delete_work()

    def store_video(self, work: Path, name: str, clip: Clip) -> None:
        """Put the finished video in the folder `work` in its place, with all that belongs to it.

        There it can be found as before.
        """
        found = work / REPORT
        if found.exists():
            _write_atomically(self.path / f"{name}.{REPORT}", found.read_bytes())
        else:
            (self.path / f"{name}.{REPORT}").unlink(missing_ok=True)
        (work / _NEW_RECORD).write_bytes(_CLIPS.dump_json({name: clip}))
        os.replace(work / RESULT, self.video_path(name))
        self.record(name, clip)
        (work / RESULT).symlink_to(self.video_path(name).absolute())
        self._draw_poster(name)

    def record(self, name: str, clip: Clip) -> None:
        """Write down what is known of the video of that name."""
        self._clips[name] = clip
        _write_atomically(self.path / RECORDS, _CLIPS.dump_json(self._clips, indent=1))

    def write_sheet(self, html: str) -> None:
        """Renew the contact sheet."""
        _write_atomically(self.path / SHEET, html.encode())

    def recover(self) -> None:
        """Bring a batch that was killed to its end, and clear away what it left."""
        for made in self._work.glob(f"*/{_NEW_RECORD}"):
            if not (
                made.parent / RESULT
            ).exists():  # it is in its place; only the record is missing
                for name, clip in self._read_records(made).items():
                    self.record(name, clip)
        self._delete_work()

    def _delete_work(self) -> None:
        for folder in self._work.glob("*"):
            end_remote_work(folder)
        shutil.rmtree(self._work, ignore_errors=True)

    def _draw_poster(self, name: str) -> None:
        (self.path / POSTERS).mkdir(exist_ok=True)
        # decoding a video is none of what the command line loads to start
        video = importlib.import_module("inference.media.video")
        video.write_poster(self.video_path(name), self.path / POSTERS / f"{name}.jpg")

    def _read_report(self, name: str) -> Report | None:
        try:
            return report.parse_report((self.path / f"{name}.{REPORT}").read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    @staticmethod
    def _read_records(path: Path) -> dict[str, Clip]:
        """The records at `path`. Raises InputError when somebody else wrote them."""
        try:
            return _CLIPS.validate_json(path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            message = words.NOT_OURS.format(path=path)
            raise InputError(InputCode.BAD_OPTION, message, str(error)) from error


@contextmanager
def open_batch(path: Path) -> Iterator[BatchFolder]:
    """The folder at `path`, which is made when it is not there, for this process alone.

    Raises InputError when another batch writes into it, or its records are not ours, and OSError.
    """
    path.mkdir(parents=True, exist_ok=True)
    held = lock.acquire(path / _LOCK)
    if held is None:
        message = words.BUSY.format(out=path)
        raise InputError(InputCode.BAD_OPTION, message)
    try:
        folder = BatchFolder(path)
        folder.recover()
        yield folder
    finally:
        os.close(held)


def compute_fingerprint(files: Sequence[Path], choices: Mapping[str, Any], model: str) -> str:
    """What a video is made of, in a word that changes with any of it. Raises InputError."""
    hashes = []
    for path in files:
        try:
            with path.open("rb") as file:
                hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            message = f"{path.name} can't be read. Check that it is a file and its permissions."
            raise InputError(InputCode.NOT_FOUND, message, str(error)) from error
    chosen = {name: value for name, value in choices.items() if value not in (None, "")}
    told = json.dumps([hashes, chosen, model], sort_keys=True, default=asdict)
    return hashlib.sha256(told.encode()).hexdigest()


def _write_atomically(target: Path, content: bytes) -> None:
    """Write `target` in one visible move."""
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(content)
    os.replace(part, target)
