"""State of a job, read from the files in its folder.

    <data>/jobs/<id>/   named by an unguessable id
        owner           id of the person the job belongs to
        submitted       time of the last submit, resume or restart, in nanoseconds
        waiting         present while the job waits for its turn
        lock            held by the process that works on the job; contains its process id
        cancel          present when that process is asked to stop
        events.jsonl    history, see `inference.jobs.history`
        worker.log      output of the process

`inference.core.task` names the other files. The state depends on these files alone, so every page
and every server reads the same one, also after a crash.
"""

import os
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from inference.core.errors import FaultCode, PortraitError
from inference.core.events import Cancelled, Event, Failed, Finished
from inference.core.files import read_json, read_word, write_whole
from inference.core.task import PLAN
from inference.jobs import history, lock
from inference.storage.publication import Publication, read_publication
from presets.quality import PRESETS
from presets.schema import EngineFamily

ID = re.compile(r"[0-9a-f]{32}")
OWNER, SUBMITTED, WAITING = "owner", "submitted", "waiting"
_OWNER = re.compile("[A-Za-z0-9_-]{1,64}")  # it is part of file names
_TIME = re.compile("[0-9]{1,19}")
_OBJECT = TypeAdapter(dict[str, object])
LOCK, CANCEL, LOG = "lock", "cancel", "worker.log"


class State(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # its worker was killed: no final event


_FINAL_STATES: dict[type[Event], State] = {
    Finished: State.FINISHED,
    Failed: State.FAILED,
    Cancelled: State.CANCELLED,
}


def read_state(folder: Path) -> State:
    """Return the current state of the job.

    The order of reading matters: a job loses `waiting` only once it is locked, and its lock only
    once its final event is written, unless it is interrupted.
    """
    waiting, locked = (folder / WAITING).exists(), is_busy(folder)
    if waiting:
        return State.RUNNING if locked else State.QUEUED
    newest = history.read_last(folder)
    unfinished = State.RUNNING if locked else State.INTERRUPTED
    return _FINAL_STATES.get(type(newest.event), unfinished) if newest else unfinished


def is_cancelled(folder: Path) -> bool:
    """Tell whether the worker was asked to stop."""
    return (folder / CANCEL).exists()


def has_bad_first_window(folder: Path) -> bool:
    """Tell whether the job was ended because of its first window's quality."""
    newest = history.read_last(folder)
    event = newest.event if newest else None
    return isinstance(event, Failed) and event.code == FaultCode.BAD_WINDOW


def is_busy(folder: Path) -> bool:
    """Tell whether a process works in the folder, also after the video is finished."""
    return lock.is_held(folder / LOCK)


def read_time_ns(path: Path) -> int:
    """Return the time in nanoseconds stored in the file; 0 when it is missing or damaged."""
    digits = read_word(path)
    return int(digits) if _TIME.fullmatch(digits) else 0


def read_owner(folder: Path) -> str:
    """Return the id of the job's owner; "", which is no owner's id, when that can't be told."""
    owner = read_word(folder / OWNER)
    return owner if _OWNER.fullmatch(owner) else ""


def read_submitted_ns(folder: Path) -> int:
    """Return when the job was last queued, also when only the file's own time tells; 0 if never."""
    file = folder / SUBMITTED
    try:
        return read_time_ns(file) or file.stat().st_mtime_ns
    except OSError:
        return 0


def read_created_ns(folder: Path) -> int:
    """Return when the job was last queued, else created.

    The creation time is that of a file: the times of folders on a Volume are meaningless.
    """
    owner = folder / OWNER
    created = owner if owner.exists() else folder
    return read_submitted_ns(folder) or created.stat().st_mtime_ns


def write_created(folder: Path, now_ns: int) -> None:
    """Store that the job was last queued or created now. Raises OSError."""
    if (folder / SUBMITTED).exists():
        write_whole(folder / SUBMITTED, str(now_ns))
    else:
        owner = folder / OWNER
        os.utime(owner if owner.exists() else folder, ns=(now_ns, now_ns))


def read_family(folder: Path) -> EngineFamily:
    """Return the engine family of the job's quality."""
    try:
        quality = read_json(folder / PLAN, _OBJECT)["quality"]
        return PRESETS[quality].engine if isinstance(quality, str) else EngineFamily.DRAFT
    except (OSError, PortraitError, KeyError):  # a worker of any family reports the broken plan
        return EngineFamily.DRAFT


def build_cancelled(folder: Path) -> Cancelled:
    """Return the final event of a job that is cancelled while it waits.

    Frames that were kept by an earlier cancel stay kept.
    """
    cancelled = [r.event for r in history.read_records(folder) if isinstance(r.event, Cancelled)]
    return cancelled[-1] if cancelled else Cancelled(0)


def find_publication(folder: Path) -> Publication | None:
    """Return what of the job is in a bucket; None when it was never published.

    A publication that is still pending without a process behind it carries a refusal.
    """
    busy = is_busy(folder)  # read first: a process that is gone by now has written its result
    found = read_publication(folder)
    if found and found.is_pending and not busy:
        return replace(found, refusal="The upload ended early. Try again.")
    return found
