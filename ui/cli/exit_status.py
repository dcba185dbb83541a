"""End of a command: with a video, or early and with nothing left behind."""

import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from inference.core.errors import from_code
from inference.core.events import Cancelled, Event, Failed, Finished, Result
from inference.core.timing import FPS
from ui.cli import output

NOTHING_FINISHED = "Stopped. Nothing was finished yet."
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)  # end like Ctrl-C: with clean-up


class Interrupted(Exception):
    """Stopped by the user; the message names the part that is kept."""


@contextmanager
def make_scratch_folder() -> Iterator[Path]:
    """Yield a new private folder, and delete it however and whenever the work ends."""
    # tempfile tries folders with a file in each: an interrupt meanwhile would leave it behind
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *STOP_SIGNALS))
    try:
        parent = Path(tempfile.gettempdir())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    folder = parent / f"talking-portrait-{secrets.token_hex(8)}"  # known before it is made
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cancel_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a predicate that is true after the first Ctrl-C; the second one ends at once."""
    cancelled = threading.Event()

    def cancel(number: int, frame: FrameType | None) -> None:
        cancelled.set()
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, *STOP_SIGNALS)}
    try:
        yield cancelled.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deliver_result(folder: Path, last: Event, out: Path) -> Result:
    """Copy the result of a task in `folder` to `out`, after the engine's last event.

    Raises the engine's PortraitError, Interrupted after a cancel, and OSError.
    """
    if isinstance(last, Finished):
        output.copy_into_place(folder / last.result.path, out)
        return replace(last.result, path=str(out))
    if isinstance(last, Failed):
        raise from_code(last.code, last.message, last.details)
    if isinstance(last, Cancelled) and last.path:
        output.copy_into_place(folder / last.path, out)
        raise Interrupted(f"Stopped. The first {last.frames / FPS:.1f} s are kept in {out}.")
    raise Interrupted(NOTHING_FINISHED)
