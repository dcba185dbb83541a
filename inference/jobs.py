"""Jobs: one folder each, run by a process of its own, so that no page has to stay open for it.

The folder's history (`events.jsonl`) has one writer: the worker, and after its end whoever
started it. A file named `cancel` asks the worker to stop.
"""

import logging
import re
import secrets
import subprocess
import sys
import threading
from pathlib import Path

from inference.errors import FaultCode
from inference.events import FINAL, Event, Failed, Record, from_json
from inference.settings import ROOT
from inference.task import Task

logger = logging.getLogger(__name__)

JOBS = "jobs"
EVENTS = "events.jsonl"
CANCEL = "cancel"
LOG = "worker.log"
WORKER = "inference.worker"  # the module that runs a job; its one argument is the folder
ID = re.compile(r"[0-9a-f]{32}")
_ID_BYTES = 16
_ENDED_EARLY = "The work ended before the video was finished. Try again."


def new_job(data: Path) -> Path:
    """A new folder under `data`, for its owner only; its unguessable name is the job's id."""
    folder = data / JOBS / secrets.token_hex(_ID_BYTES)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder


def start(task: Task) -> None:
    """Save `task` and have a process of its own carry it out; returns at once.

    The process outlives this one. If it ends without a final event, a Failed is added.
    """
    task.save()
    with (task.folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, str(task.folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    watcher = threading.Thread(target=_watch, args=(process, task.folder), daemon=True)
    watcher.start()


def _watch(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for the worker, and end the history for it when it could not do so itself."""
    status = process.wait()
    if not folder.is_dir() or is_final(events(folder)):
        return
    logger.error("the worker of %s ended early with status %s", folder.name[:8], status)
    try:
        History(folder).append(Failed(FaultCode.INTERNAL, _ENDED_EARLY, f"status {status}"))
    except OSError:
        logger.exception("the history of %s can't be written", folder.name[:8])


def cancel(folder: Path) -> None:
    """Ask the worker to stop; it ends with a Cancelled event soon after."""
    (folder / CANCEL).touch()


def is_cancelled(folder: Path) -> bool:
    """Whether someone asked the worker to stop."""
    return (folder / CANCEL).exists()


def is_final(records: list[Record]) -> bool:
    """Whether the last of `records` ends its job."""
    return bool(records) and isinstance(records[-1].event, FINAL)


def events(folder: Path, after: int = -1) -> list[Record]:
    """The job's records numbered above `after`, oldest first; a half-written line is left out."""
    try:
        lines = (folder / EVENTS).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    records = filter(None, map(_parsed, lines[after + 1 :]))
    return [record for record in records if record.seq > after]


def _parsed(line: bytes) -> Record | None:
    try:
        return from_json(line.decode())
    except ValueError:
        return None


class History:
    """Appends events to a job's history, numbered on from the last one there."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        records = events(folder)
        self._next = records[-1].seq + 1 if records else 0
        self._torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n")

    def append(self, event: Event) -> None:
        """Write one line, complete on disk when this returns. Raises OSError."""
        line = Record(self._next, event).to_json() + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + line if self._torn else line)
        self._next, self._torn = self._next + 1, False
