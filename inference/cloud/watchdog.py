"""An end for work that makes no progress: a GPU that waits costs as much as one at work.

A thread beside the work looks at the clock. When the time is over it says the last word and has
the process leave, whatever the work itself is stuck in; it needs Python's lock for that, so code
that never lets go of it is left to Modal, which misses the container's heartbeat.
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

LOADING_S = 25 * 60.0  # Modal ends a start after 30 minutes, and begins another one
_SILENCE_S = 10 * 60.0
_SILENT_STEPS = 10  # a slow card's step may take longer than that: as many of them
_POLL_S = 5.0
_GRACE_S = 60.0  # for the last word, and for Modal to end the process itself
_STDERR = 2  # the descriptor, whatever sys.stderr is
_LOADING_STAGES = (StageName.STARTING, StageName.LOADING)


class Deadline:
    """How long work may go on: till the moment `until`, and how long without a word. `clock` gives
    seconds, as `until` has them."""

    def __init__(self, until: float, clock: Callable[[], float] = time.time) -> None:
        self._until, self._clock = until, clock
        self._last_event, self._silence_s = clock(), LOADING_S
        self._last_step: float | None = None
        self._longest_step_s = 0.0  # the longest one

    def note_event(self, event: Event) -> None:
        """Take note that the work said something."""
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
        """Why the work has to end now; None while it may go on."""
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
    patience: Deadline,
    last_word: Callable[[Fault], None],
    leave: Callable[[], None],
) -> Iterator[None]:
    """Work within this ends when its time is over: `last_word` is told why, and has a minute for
    what it does; then, in any case, `leave` is called. Work that comes back meanwhile waits for
    that: nothing new is begun in a process that is to leave."""
    done, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            if fault := patience.find_fault():
                over.set()
                logger.error("gives up: %s", fault.message)
                saying = threading.Thread(target=last_word, args=[fault], daemon=True)
                saying.start()
                saying.join(_GRACE_S)
                leave()
                return

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        if over.is_set():
            thread.join()


def leave_container(call: str = "") -> None:
    """End this process within a minute, at last by telling where it is stuck and exiting, and have
    Modal give it no other input. With `call`, the work is stuck: Modal ends that call, so that it
    is not run again elsewhere."""
    faulthandler.dump_traceback_later(_GRACE_S, exit=True, file=_STDERR)  # needs no Python
    ways = [modal.experimental.stop_fetching_inputs]
    if call:
        ways.append(partial(modal.FunctionCall.from_id(call).cancel, terminate_containers=True))
    for way in ways:
        try:
            way()
        except Exception:
            logger.exception("Modal was not told that this container leaves")
