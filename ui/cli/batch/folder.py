"""Output folder of a batch: videos, their records and posters, the contact sheet.

Every file is complete at any moment, however the batch ends; one batch at a time writes.
"""

import hashlib
import importlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter

from inference.core import report
from inference.core.errors import InputCode, InputError
from inference.core.files import UnreadableFile, read_json, write_whole
from inference.core.options import OPTIONS, Group, JobOptions, Permission
from inference.core.report import Report
from inference.core.task import REPORT, RESULT
from inference.jobs import lock
from ui.cli.batch import words
from ui.cli.batch.contact_sheet import Card, Clip
from ui.cli.generate import end_remote_work

SHEET, RECORDS, POSTERS = "index.html", "batch.json", "posters"
_LOCK, _WORK = ".batch.lock", ".making"
_NEW_RECORD = "made.json"  # in the work folder: record of the video being stored
_CLIPS = TypeAdapter(dict[str, Clip])


class BatchFolder:
    """One open folder; see `open_batch`."""

    def __init__(self, path: Path) -> None:
        self.path, self._work = path, path / _WORK
        self._clips = self._read_records(path / RECORDS)

    def build_card(self, name: str) -> Card:
        """Return the card of the video of that name, or of one that is still to be made."""
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
        """Return the path of the video of that name, which may not exist yet."""
        return self.path / f"{name}.mp4"

    def is_current(self, name: str, fingerprint: str) -> bool:
        """Return whether the video of that name was made from these inputs."""
        clip = self._clips.get(name)
        return (
            clip is not None and clip.fingerprint == fingerprint and self.video_path(name).exists()
        )

    def is_foreign(self, name: str) -> bool:
        """Return whether a file of that name exists that no batch has made."""
        return name not in self._clips and self.video_path(name).exists()

    @contextmanager
    def make_work_folder(self) -> Iterator[Path]:
        """Yield a new folder to make a video in; its name also names the work on Modal."""
        self._delete_work()
        folder = self._work / secrets.token_hex(16)
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield folder
        finally:
            self._delete_work()

    def store_video(self, work: Path, name: str, clip: Clip) -> None:
        """Move the finished video from `work` to its place, with its report and record.

        A link in `work` still leads to it.
        """
        report_path = work / REPORT
        if report_path.exists():
            write_whole(self.path / f"{name}.{REPORT}", report_path.read_bytes())
        else:
            (self.path / f"{name}.{REPORT}").unlink(missing_ok=True)
        write_whole(work / _NEW_RECORD, _CLIPS.dump_json({name: clip}))
        os.replace(work / RESULT, self.video_path(name))
        self.record(name, clip)
        (work / RESULT).symlink_to(self.video_path(name).absolute())
        self._draw_poster(name)

    def record(self, name: str, clip: Clip) -> None:
        """Save the record of the video of that name."""
        self._clips[name] = clip
        write_whole(self.path / RECORDS, _CLIPS.dump_json(self._clips, indent=1))

    def record_permission(self, name: str, permission: Permission | None) -> None:
        """Save what is stated about the video of that name, if that has changed."""
        clip = self._clips.get(name)
        if clip and clip.permission is not permission:
            self.record(name, replace(clip, permission=permission))

    def write_sheet(self, html: str) -> None:
        """Write the contact sheet."""
        write_whole(self.path / SHEET, html.encode())

    def recover(self) -> None:
        """Finish what a killed batch had begun to store, and delete its work."""
        for record in self._work.glob(f"*/{_NEW_RECORD}"):
            if not (record.parent / RESULT).exists():  # moved already; only the record is missing
                with suppress(InputError):  # damaged: the video counts as not made by a batch
                    for name, clip in self._read_records(record).items():
                        self.record(name, clip)
        self._delete_work()

    def _delete_work(self) -> None:
        for folder in self._work.glob("*"):
            end_remote_work(folder)
        shutil.rmtree(self._work, ignore_errors=True)

    def _draw_poster(self, name: str) -> None:
        (self.path / POSTERS).mkdir(exist_ok=True)
        # by name: decoding would slow down the start of the command line
        video = importlib.import_module("inference.media.video")
        video.write_poster(self.video_path(name), self.path / POSTERS / f"{name}.jpg")

    def _read_report(self, name: str) -> Report | None:
        try:
            return report.parse_report((self.path / f"{name}.{REPORT}").read_bytes())
        except (OSError, ValueError):
            return None

    @staticmethod
    def _read_records(path: Path) -> dict[str, Clip]:
        """Return the records at `path`. Raises InputError if they were not written by a batch."""
        try:
            return read_json(path, _CLIPS)
        except FileNotFoundError:
            return {}
        except UnreadableFile as error:
            message = words.NOT_OURS.format(path=path)
            raise InputError(InputCode.BAD_OPTION, message, error.details) from error


@contextmanager
def open_batch(path: Path) -> Iterator[BatchFolder]:
    """Yield the folder at `path`, created if needed, for this process alone.

    Raises InputError if another batch writes into it or its records are not a batch's, and OSError.
    """
    path.mkdir(parents=True, exist_ok=True)
    lock_file = lock.acquire(path / _LOCK)
    if lock_file is None:
        message = words.BUSY.format(out=path)
        raise InputError(InputCode.BAD_OPTION, message)
    try:
        folder = BatchFolder(path)
        folder.recover()
        yield folder
    finally:
        os.close(lock_file)


def compute_fingerprint(files: Sequence[Path], options: JobOptions, model: str) -> str:
    """Return a hash of a video's inputs. Raises InputError."""
    hashes = []
    for path in files:
        try:
            with path.open("rb") as file:
                hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            message = f"{path.name} can't be read. Check that it is a file and its permissions."
            raise InputError(InputCode.NOT_FOUND, message, str(error)) from error
    shaping = [name for name, option in OPTIONS.items() if option.group is not Group.RECORD]
    values = {name: getattr(options, name) for name in shaping}
    chosen = {name: value for name, value in values.items() if value not in (None, "")}
    inputs = json.dumps([hashes, chosen, model], sort_keys=True, default=asdict)
    return hashlib.sha256(inputs.encode()).hexdigest()
