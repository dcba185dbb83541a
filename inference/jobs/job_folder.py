"""One job: the files in its folder, and what they say of its state.

    <data>/jobs/<id>/   named by an unguessable id
        owner           whose it is
        submitted       when it was put in the queue, the first time or again, in nanoseconds
        waiting         there while it waits for its turn
        lock            held by the process that works on it, which says its id in it
        cancel          asks that process to stop
        events.jsonl    what happened, see `inference.jobs.history`
        worker.log      what the process said

and what `inference.core.task` names. The state is read from these files alone, so it is the same
for every page and every server, also after a crash.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from inference.core import processes
from inference.core.errors import Fault, FaultCode
from inference.core.events import Cancelled, Event, Failed, Finished
from inference.core.published import Publication, read_publication, write_pending_publication
from inference.core.task import PLAN
from inference.jobs import history, lock
from presets.quality import PRESETS
from presets.schema import EngineFamily

ID = re.compile(r"[0-9a-f]{32}")
OWNER, SUBMITTED, WAITING = "owner", "submitted", "waiting"
LOCK, CANCEL, LOG = "lock", "cancel", "worker.log"
_END_TIMEOUT_S = 10.0  # more than the system needs to end a process


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # its worker is gone, and did not say why


_FINAL_STATES: dict[type[Event], State] = {
    Finished: State.FINISHED,
    Failed: State.FAILED,
    Cancelled: State.CANCELLED,
}


class WorkerProcess(Protocol):
    """A worker that was started."""

    @property
    def pid(self) -> int: ...

    def wait(self) -> int: ...


Launcher = Callable[[Path, int], WorkerProcess]  # folder and lock, which is handed on -> its worker


def read_state(folder: Path) -> State:
    """Where the job stands now.

    The order of reading matters: a job loses `waiting` only once it is locked, and its lock only
    once its final event is written, unless it is interrupted.
    """
    waiting, locked = (folder / WAITING).exists(), lock.is_held(folder / LOCK)
    if waiting:
        return State.RUNNING if locked else State.QUEUED
    newest = history.read_last(folder)
    unfinished = State.RUNNING if locked else State.INTERRUPTED
    return _FINAL_STATES.get(type(newest.event), unfinished) if newest else unfinished


def is_cancelled(folder: Path) -> bool:
    """Whether someone asked the worker to stop."""
    return (folder / CANCEL).exists()


def is_busy(folder: Path) -> bool:
    """Whether somebody is at work in the folder, also on what comes after the video."""
    return lock.is_held(folder / LOCK)


def read_text(path: Path) -> str:
    """What the file holds; empty when it is gone."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def read_time_ns(path: Path) -> int:
    """The time in nanoseconds that the file holds; 0 when it is gone or was not written whole."""
    held = read_text(path)
    return int(held) if held.isdigit() else 0


def read_family(folder: Path) -> EngineFamily:
    """The engine family that carries the job out."""
    try:
        return PRESETS[json.loads((folder / PLAN).read_bytes())["quality"]].engine
    except (OSError, ValueError, KeyError):  # any worker will say what is wrong with it
        return EngineFamily.DRAFT


def build_cancelled(folder: Path) -> Cancelled:
    """The end of a job that was stopped before its turn: what an earlier stop kept, stays."""
    stops = [r.event for r in history.read_records(folder) if isinstance(r.event, Cancelled)]
    return stops[-1] if stops else Cancelled(0)


def delete_path(path: Path) -> None:
    """Delete a file, or a folder with all that is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def start_worker(folder: Path, launch: Launcher) -> WorkerProcess | None:
    """The worker, started by `launch`, of a job whose turn it is.

    None when it could not be started, which ends the job, or when somebody runs it by hand. It is
    taken from the queue first: a worker that always dies must not be started again and again.
    """
    descriptor = lock.acquire(folder / LOCK)
    if descriptor is None:
        return None
    try:
        (folder / WAITING).unlink()
        process = launch(folder, descriptor)
        with suppress(OSError):  # a full disk: it can be ended less well, but it is at work
            lock.write_holder(descriptor, process.pid)
        return process
    except OSError as error:
        message = "The work could not be started. Try again."
        with suppress(OSError):  # on a full disk the job is interrupted without a word
            history.HistoryWriter(folder).append(Failed(FaultCode.INTERNAL, message, str(error)))
        return None
    finally:
        os.close(descriptor)


@contextmanager
def hold_lock(folder: Path, end: Callable[[int], None] | None = None) -> Iterator[None]:
    """Holds the job's lock, for which its worker has to have ended: `end` is to see to that.

    Without `end` it is waited for. Raises Fault when it does not end.
    """
    deadline = time.monotonic() + _END_TIMEOUT_S
    while (descriptor := lock.acquire(folder / LOCK)) is None:
        worker = lock.read_holder(folder / LOCK)
        if time.monotonic() > deadline:
            message = "The work on this video can't be ended. Try again in a minute."
            raise Fault(FaultCode.INTERNAL, message, f"worker {worker}")
        if end and worker:
            end(worker)
    try:
        yield
    finally:
        os.close(descriptor)


def start_cleanup(folder: Path) -> None:
    """Start to end what the folder of a deleted job says is elsewhere; see
    `inference.cloud.cleanup`. It goes on when this process ends. Raises OSError."""
    processes.start("inference.cloud.cleanup", folder)


def start_publishing(folder: Path, bucket: str) -> None:
    """Start to publish what the finished job made; see `inference.storage.publisher`. It goes on
    when this process ends, and holds the job's lock, so that whoever deletes the job ends it first.

    A job on which somebody is at work is left alone. Raises OSError.
    """
    descriptor = lock.acquire(folder / LOCK)
    if descriptor is None:
        return
    try:
        write_pending_publication(folder, bucket)
        process = processes.start("inference.storage.publisher", folder, descriptor, folder / LOG)
        lock.write_holder(descriptor, process.pid)
    finally:
        os.close(descriptor)


def find_publication(folder: Path) -> Publication | None:
    """What of the job lies in a bucket; None when nobody tried. If whoever was sending it is gone,
    its refusal says so."""
    at_work = is_busy(folder)  # first: who is gone now has written its last word
    found = read_publication(folder)
    if found and found.is_pending and not at_work:
        return replace(found, refusal="The upload ended early. Try again.")
    return found
