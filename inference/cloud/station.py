"""A container's end: it carries out the task that lies on the Volume, and says on the board how far
it is.

A call may be ended at any time, and run again from its start on another machine. So it looks first
at what is there: finished windows are kept and not made again.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from inference.cloud import names
from inference.cloud.board import Board, Telling
from inference.cloud.received import received
from inference.engines.base import Engine, guarded
from inference.events import FINAL, Event, Frame, Stage, StageName, Window
from inference.settings import Settings
from inference.task import PREVIEW

_ASK_S = 1.0  # between two looks whether somebody asked to stop
_DAY_S = 24 * 60 * 60


class Shared(Protocol):
    """What is used of a `modal.Volume` that is mounted here."""

    def reload(self) -> None: ...

    def commit(self) -> None: ...


class Station:
    """Carries tasks out, one at a time. `root` is where the Volume of jobs is mounted."""

    def __init__(self, settings: Settings, root: Path, shared: Shared, board: Board) -> None:
        self._settings, self._root = settings, root
        self._shared, self._board = shared, board

    def carry_out(
        self, job: str, engine: Callable[[], Engine], options: Mapping[str, Any] | None = None
    ) -> None:
        """Make the video of the job's folder, all the way to its final event.

        `engine` gives who makes it; what it raises is told like the rest. `options` are for a
        folder that has no plan, see `received`.
        """
        self._shared.reload()
        folder, telling = self._root / names.work(job), self._board.telling(job)
        self._sweep(keep=folder)

        def events() -> Iterator[Event]:
            if telling.begun:
                yield Stage(StageName.STARTING, "Starting again on another machine")
            task = received(folder, options or {}, self._settings)
            yield from engine().generate(task, self._asked_to_stop(job))

        for event in guarded(events()):
            self._tell(telling, event, folder)

    def _tell(self, telling: Telling, event: Event, folder: Path) -> None:
        """Files are there for everyone before anyone hears of them."""
        preview = (folder / PREVIEW).read_bytes() if isinstance(event, Frame) else None
        if isinstance(event, (Window, *FINAL)):
            self._shared.commit()
        telling.tell(event, preview)

    def _asked_to_stop(self, job: str) -> Callable[[], bool]:
        """Whether somebody asked to stop, looked up once in a while."""
        looked, asked = 0.0, False

        def cancelled() -> bool:
            nonlocal looked, asked
            if not asked and time.monotonic() - looked > _ASK_S:
                asked, looked = self._board.is_cancelled(job), time.monotonic()
            return asked

        return cancelled

    def _sweep(self, keep: Path) -> None:
        """Delete what was left behind longer ago than it is kept: whoever made a job removes its
        folder when they have the video, unless they never came back."""
        then = time.time() - self._settings.keep_days * _DAY_S
        for folder in keep.parent.glob("*"):
            if folder != keep and folder.stat().st_mtime < then:
                shutil.rmtree(folder, ignore_errors=True)
