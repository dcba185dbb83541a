"""Watchdog that ends work without progress: a GPU that waits costs as much as a busy one.

A thread beside the work checks its deadline. Once that is over, the thread writes the final event
and ends the process, whatever the work is stuck in. It needs Python's interpreter lock; code that
never releases it is ended by Modal, which misses the container's heartbeat.
"""

import faulthandler
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import modal
import modal.experimental

from inference.core.errors import Fault, FaultCode
from inference.core.events import Event, Stage, StageName, Step

logger = logging.getLogger(__name__)

LOADING_S = 25 * 60.0  # Modal ends a start after 30 minutes, and repeats it
_SILENCE_S = 10 * 60.0
_SILENT_STEPS = 10  # on a slow GPU, the silence may last as many of its steps
_POLL_S = 5.0
_GRACE_S = 60.0  # to write the final event, and for Modal to end the process
_STDERR = 2  # the descriptor, whatever sys.stderr is
_LOADING_STAGES = (StageName.STARTING, StageName.LOADING)


class Deadline:
    """Limits of a run: its end at `until`, and the time between two events.

    `until` and `clock` are in seconds since 1970.
    """

    def __init__(self, until: float, clock: Callable[[], float] = time.time) -> None:
        self._until, self._clock = until, clock
        self._last_event, self._silence_s = clock(), LOADING_S
        self._last_step: float | None = None
        self._longest_step_s = 0.0

    def note_event(self, event: Event) -> None:
        """Restart the time without an event."""
        self._last_event = self._clock()
        if isinstance(event, Step):
            if self._last_step is not None:
                self._longest_step_s = max(self._longest_step_s, self._last_event - self._last_step)
            self._last_step = self._last_event
        loading = isinstance(event, Stage) and event.name in _LOADING_STAGES
        self._silence_s = (
            LOADING_S if loading else max(_SILENCE_S, _SILENT_STEPS * self._longest_step_s)
        )

    def find_fault(self) -> Fault | None:
        """Return why the run has to end now; None while it may go on."""
        now = self._clock()
        if now > self._until:
            message = "The work on Modal took longer than it may. Go on with this job."
            return Fault(FaultCode.INTERNAL, message)
        if now - self._last_event > self._silence_s:
            return _to_stall_fault(self._silence_s)
        return None


def _to_stall_fault(silence_s: float) -> Fault:
    message = f"The work on Modal stood still for {silence_s / 60:.0f} minutes. "
    return Fault(FaultCode.INTERNAL, f"{message}Go on with this job: another machine takes it.")


@contextmanager
def enforce_deadline(
    deadline: Deadline,
    on_expiry: Callable[[Fault], None],
    leave: Callable[[], None],
) -> Iterator[None]:
    """End the process when the work inside exceeds its deadline.

    `on_expiry` is called with the reason and has a minute; then `leave` is called in any case. Work
    that returns meanwhile waits for `leave`: nothing new begins in a process that is to end.
    """
    done, expired = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            if fault := deadline.find_fault():
                expired.set()
                logger.error("gives up: %s", fault.message)
                handler = threading.Thread(target=on_expiry, args=[fault], daemon=True)
                handler.start()
                handler.join(_GRACE_S)
                leave()
                return

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        if expired.is_set():
            thread.join()


def leave_container(call: str = "") -> None:
    """Have Modal end this process and send it no more inputs.

    After a minute the process prints the stack of each thread and exits by itself. With `call`, the
    stuck call is cancelled as well, so that Modal does not run it again elsewhere.
    """
    faulthandler.dump_traceback_later(_GRACE_S, exit=True, file=_STDERR)  # needs no Python
    requests = [modal.experimental.stop_fetching_inputs]
    if call:
        requests.append(partial(modal.FunctionCall.from_id(call).cancel, terminate_containers=True))
    for request in requests:
        try:
            request()
        except Exception:
            logger.exception("Modal was not told that this container leaves")
