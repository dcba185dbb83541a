"""A container's end: it carries out the task that lies on the Volume, and says on the board how far
it is.

A call may be ended at any time, and run again from its start on another machine. So it looks first
at what is there: who makes the job, whether it came to its end, which windows are finished.
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
from inference.cloud.shared import MountedVolume, commit
from inference.cloud.status import StatusStore, StatusWriter
from inference.cloud.sweep import USED_AT, encode_now, sweep
from inference.cloud.watchdog import Deadline, enforce_deadline, leave_container
from inference.core.engine import Engine, convert_errors
from inference.core.errors import Fault
from inference.core.events import FINAL, Event, Failed, Frame, Stage, StageName, Step, Window
from inference.core.settings import Settings
from inference.core.task import PREVIEW

logger = logging.getLogger(__name__)

_CANCEL_POLL_S = 1.0  # between two looks whether somebody asked to stop
_LONGEST_S = 4 * 60 * 60.0
_MARGIN_S = 120.0  # before Modal's own limit: what is last said and committed takes its time


class TaskRunner:
    """Carries tasks out, one at a time. `root` is where the Volume of jobs is mounted; a job takes
    at most `longest_s`, all its runs together. `leave` ends this process, and that call with it."""

    def __init__(
        self,
        settings: Settings,
        root: Path,
        shared: MountedVolume,
        board: StatusStore,
        longest_s: float = _LONGEST_S,
        leave: Callable[[str], None] = leave_container,
    ) -> None:
        self._settings, self._root = settings, root
        self._shared, self._board = shared, board
        self._longest_s, self._leave = longest_s, leave

    def run(
        self,
        job: str,
        engine: Callable[[], Engine],
        options: Mapping[str, Any] | None = None,
        attempt: str = "",
        call: str = "",
    ) -> None:
        """Make the video of the job's folder, all the way to its final event; nothing, when another
        call has this attempt, or an earlier run came to the end.

        `engine` gives who makes it; what it raises is told like the rest. `options` are for a
        folder that has no plan, see `load_or_plan_task`. `call` is the id of the call that runs
        this.
        """
        if not self._board.claim_attempt(job, attempt, call):
            return
        telling = self._board.open_writer(job)
        if telling.has_ended:
            return
        self._shared.reload()
        folder = self._root / names.work_folder(job)
        if folder.is_dir():
            (folder / USED_AT).write_bytes(encode_now())
        sweep(folder.parent, self._board, self._settings.keep_days)
        run = _Run(self._board, job, telling, self._shared, folder)
        began = self._board.read_start_time(job) or time.time()
        patience = Deadline(began + self._longest_s - _MARGIN_S)

        def events() -> Iterator[Event]:
            if telling.has_begun:
                yield Stage(StageName.STARTING, "Starting again on another machine")
            task = load_or_plan_task(folder, options or {}, self._settings)
            yield from engine().generate(task, run.is_cancelled)

        def leave() -> None:
            if not run.is_complete:
                self._leave(call)

        with enforce_deadline(patience, run.abort, leave):
            for event in convert_errors(events()):
                patience.note_event(event)
                run.write_event(event)


class _Run:
    """One run of a job: what is told of it, by the work and by who watches it, and once it ended
    nothing more."""

    def __init__(
        self,
        board: StatusStore,
        job: str,
        telling: StatusWriter,
        shared: MountedVolume,
        folder: Path,
    ) -> None:
        self._board, self._job, self._folder = board, job, folder
        self._writer, self._shared = telling, shared
        self._append_lock = threading.Lock()
        self._cancel_checked_at, self._is_cancelled = 0.0, False
        self.is_complete = False  # the work itself said its last word

    def write_event(self, event: Event) -> None:
        """Say what happened. Files are there for everyone before anyone hears of them."""
        preview = (self._folder / PREVIEW).read_bytes() if isinstance(event, Frame) else None
        if isinstance(event, (Window, *FINAL)):
            commit(self._shared)
        if self._append(event, preview) and isinstance(event, FINAL):
            self.is_complete = True

    def abort(self, fault: Fault) -> None:
        """Say the last word in the work's place, after keeping what it has finished."""
        try:
            commit(self._shared)
        except Exception:
            logger.exception("what is finished stays as it was committed last")
        self._append(Failed(fault.code, fault.message, fault.details))

    def _append(self, event: Event, preview: bytes | None = None) -> bool:
        with self._append_lock:  # a late word would overwrite the last one
            if self._writer.has_ended:
                return False
            with _ignore_store_errors() if isinstance(event, (Step, Frame)) else nullcontext():
                self._writer.append(event, preview)
            return True

    def is_cancelled(self) -> bool:
        """Whether the work is to end: somebody asked for it, looked up once in a while."""
        if self._writer.has_ended:
            return True
        if not self._is_cancelled and time.monotonic() - self._cancel_checked_at > _CANCEL_POLL_S:
            self._cancel_checked_at = time.monotonic()
            with _ignore_store_errors():
                self._is_cancelled = self._board.is_cancelled(self._job)
        return self._is_cancelled


@contextmanager
def _ignore_store_errors() -> Iterator[None]:
    """A board that does not answer for a moment costs no paid work; the next word says more."""
    try:
        yield
    except Exception:
        logger.warning("the board does not answer", exc_info=True)
