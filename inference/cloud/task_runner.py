"""Task runner of a container: renders the task on the Volume and writes its status.

Modal may end a call at any time, and run it again from its start on another machine. So a run first
reads what is there: the call that makes the job, whether it has ended, and its finished windows. It
resumes behind these; see `inference.jobs.resume`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from inference.cloud import names
from inference.cloud.load_task import load_or_plan_task
from inference.cloud.mounted_volume import MountedVolume, commit
from inference.cloud.status import StatusStore, StatusWriter
from inference.cloud.sweep import USED_AT, encode_now, sweep
from inference.cloud.watchdog import Deadline, enforce_deadline, leave_container
from inference.core.engine import Engine, convert_errors
from inference.core.errors import Fault
from inference.core.events import FINAL, Event, Failed, Frame, Stage, StageName, Step, Window
from inference.core.files import write_whole
from inference.core.settings import Settings
from inference.core.task import PREVIEW
from presets.quality import PRESETS
from presets.schema import EngineFamily

logger = logging.getLogger(__name__)

_CANCEL_POLL_S = 1.0  # between two checks for a cancel
_LONGEST_S = 4 * 60 * 60.0
_MARGIN_S = 120.0  # before Modal's own limit: for the final event and the last commit


class TaskRunner:
    """Runs tasks, one at a time.

    `root` is where `volume`, the jobs Volume, is mounted. All runs of a job together take at most
    `longest_s`. `leave` ends this process and the call with the given id.
    """

    def __init__(
        self,
        settings: Settings,
        root: Path,
        volume: MountedVolume,
        status: StatusStore,
        longest_s: float = _LONGEST_S,
        leave: Callable[[str], None] = leave_container,
    ) -> None:
        self._settings, self._root = settings, root
        self._volume, self._status = volume, status
        self._longest_s, self._leave = longest_s, leave

    def run(
        self,
        job: str,
        get_engine: Callable[[EngineFamily], Engine],
        options: Mapping[str, Any] | None = None,
        attempt: str = "",
        call: str = "",
    ) -> None:
        """Run the job to its final event.

        Does nothing when another call has the attempt, or when an earlier run has ended. `options`
        are for a folder without a plan, see `load_or_plan_task`. `call` is the id of this call.
        Errors of `get_engine`, as all others, end the job with a Failed event.
        """
        if not self._status.claim_attempt(job, attempt, call):
            return
        writer = self._status.open_writer(job)
        if writer.has_ended:
            return
        self._volume.reload()
        folder = self._root / names.work_folder(job)
        if folder.is_dir():
            write_whole(folder / USED_AT, encode_now())
        sweep(folder.parent, self._status, self._settings.keep_days)
        run = _Run(self._status, job, writer, self._volume, folder)
        started = self._status.read_start_time(job) or time.time()
        deadline = Deadline(started + self._longest_s - _MARGIN_S)

        def events() -> Iterator[Event]:
            if writer.has_begun:
                yield Stage(StageName.STARTING, "Starting again on another machine")
            task = load_or_plan_task(folder, options or {}, self._settings)
            family = PRESETS[task.plan.quality].engine
            yield from get_engine(family).generate(task, run.is_cancelled)

        def leave() -> None:
            if not run.is_complete:
                self._leave(call)

        with enforce_deadline(deadline, run.abort, leave):
            for event in convert_errors(events()):
                deadline.note_event(event)
                run.write_event(event)


class _Run:
    """One run of a job: events of the work and of its watchdog, none after the final one."""

    def __init__(
        self,
        status: StatusStore,
        job: str,
        writer: StatusWriter,
        volume: MountedVolume,
        folder: Path,
    ) -> None:
        self._status, self._job, self._folder = status, job, folder
        self._writer, self._volume = writer, volume
        self._append_lock = threading.Lock()
        self._cancel_checked_at, self._is_cancelled = 0.0, False
        self.is_complete = False  # the work itself wrote the final event

    def write_event(self, event: Event) -> None:
        """Write an event, after committing the files that it names."""
        preview = (self._folder / PREVIEW).read_bytes() if isinstance(event, Frame) else None
        if isinstance(event, (Window, *FINAL)):
            commit(self._volume)
        if self._append(event, preview) and isinstance(event, FINAL):
            self.is_complete = True

    def abort(self, fault: Fault) -> None:
        """Commit the finished windows, and write the final event in place of the work."""
        try:
            commit(self._volume)
        except Exception:
            logger.exception("what is finished stays as it was committed last")
        self._append(Failed(fault.code, fault.message, fault.details))

    def _append(self, event: Event, preview: bytes | None = None) -> bool:
        with self._append_lock:  # two threads: nothing may follow the final event
            if self._writer.has_ended:
                return False
            with _ignore_store_errors() if isinstance(event, (Step, Frame)) else nullcontext():
                self._writer.append(event, preview)
            return True

    def is_cancelled(self) -> bool:
        """Tell whether the work is to stop; the status is checked once in a while."""
        if self._writer.has_ended:
            return True
        if not self._is_cancelled and time.monotonic() - self._cancel_checked_at > _CANCEL_POLL_S:
            self._cancel_checked_at = time.monotonic()
            with _ignore_store_errors():
                self._is_cancelled = self._status.is_cancelled(self._job)
        return self._is_cancelled


@contextmanager
def _ignore_store_errors() -> Iterator[None]:
    """Log errors of the status store: a short outage must not end paid work."""
    try:
        yield
    except Exception:
        logger.warning("the board does not answer", exc_info=True)
