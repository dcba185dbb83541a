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
from inference.cloud.load_task import received
from inference.cloud.shared import Shared, commit
from inference.cloud.status import Board, Telling
from inference.cloud.sweep import STAMP, stamp, sweep
from inference.cloud.watchdog import Patience, leave_container, watched
from inference.core.engine import Engine, guarded
from inference.core.errors import Fault
from inference.core.events import FINAL, Event, Failed, Frame, Stage, StageName, Step, Window
from inference.core.settings import Settings
from inference.core.task import PREVIEW

logger = logging.getLogger(__name__)

_ASK_S = 1.0  # between two looks whether somebody asked to stop
_LONGEST_S = 4 * 60 * 60.0
_MARGIN_S = 120.0  # before Modal's own limit: what is last said and committed takes its time


class Station:
    """Carries tasks out, one at a time. `root` is where the Volume of jobs is mounted; a job takes
    at most `longest_s`, all its runs together. `leave` ends this process, and that call with it."""

    def __init__(
        self,
        settings: Settings,
        root: Path,
        shared: Shared,
        board: Board,
        longest_s: float = _LONGEST_S,
        leave: Callable[[str], None] = leave_container,
    ) -> None:
        self._settings, self._root = settings, root
        self._shared, self._board = shared, board
        self._longest_s, self._leave = longest_s, leave

    def carry_out(
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
        folder that has no plan, see `received`. `call` is the id of the call that runs this.
        """
        if not self._board.claim(job, attempt, call):
            return
        telling = self._board.telling(job)
        if telling.ended:
            return
        self._shared.reload()
        folder = self._root / names.work(job)
        if folder.is_dir():
            (folder / STAMP).write_bytes(stamp())
        sweep(folder.parent, self._board, self._settings.keep_days)
        run = _Run(self._board, job, telling, self._shared, folder)
        began = self._board.begun_at(job) or time.time()
        patience = Patience(began + self._longest_s - _MARGIN_S)

        def events() -> Iterator[Event]:
            if telling.begun:
                yield Stage(StageName.STARTING, "Starting again on another machine")
            task = received(folder, options or {}, self._settings)
            yield from engine().generate(task, run.asked_to_stop)

        def leave() -> None:
            if not run.came_to_its_end:
                self._leave(call)

        with watched(patience, run.give_up, leave):
            for event in guarded(events()):
                patience.hear(event)
                run.tell(event)


class _Run:
    """One run of a job: what is told of it, by the work and by who watches it, and once it ended
    nothing more."""

    def __init__(
        self, board: Board, job: str, telling: Telling, shared: Shared, folder: Path
    ) -> None:
        self._board, self._job, self._folder = board, job, folder
        self._telling, self._shared = telling, shared
        self._one_at_a_time = threading.Lock()
        self._looked, self._asked = 0.0, False
        self.came_to_its_end = False  # the work itself said its last word

    def tell(self, event: Event) -> None:
        """Say what happened. Files are there for everyone before anyone hears of them."""
        preview = (self._folder / PREVIEW).read_bytes() if isinstance(event, Frame) else None
        if isinstance(event, (Window, *FINAL)):
            commit(self._shared)
        if self._told(event, preview) and isinstance(event, FINAL):
            self.came_to_its_end = True

    def give_up(self, fault: Fault) -> None:
        """Say the last word in the work's place, after keeping what it has finished."""
        try:
            commit(self._shared)
        except Exception:
            logger.exception("what is finished stays as it was committed last")
        self._told(Failed(fault.code, fault.message, fault.details))

    def _told(self, event: Event, preview: bytes | None = None) -> bool:
        with self._one_at_a_time:  # a late word would overwrite the last one
            if self._telling.ended:
                return False
            with _forgiven() if isinstance(event, (Step, Frame)) else nullcontext():
                self._telling.tell(event, preview)
            return True

    def asked_to_stop(self) -> bool:
        """Whether the work is to end: somebody asked for it, looked up once in a while."""
        if self._telling.ended:
            return True
        if not self._asked and time.monotonic() - self._looked > _ASK_S:
            self._looked = time.monotonic()
            with _forgiven():
                self._asked = self._board.is_cancelled(self._job)
        return self._asked


@contextmanager
def _forgiven() -> Iterator[None]:
    """A board that does not answer for a moment costs no paid work; the next word says more."""
    try:
        yield
    except Exception:
        logger.warning("the board does not answer", exc_info=True)
