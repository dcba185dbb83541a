"""A page's container, which may change the Volume of jobs as long as it holds the lease.

Two of them live for a while when the app is deployed anew or a machine is replaced. Each sees the
Volume as it was at its start, and the last one to write a file wins; so only one writes. A newcomer
asks the holder to let go: that one ends what it has begun, commits, and releases the lease. Then
the newcomer reloads the Volume and begins.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inference.cloud.lease import Lease
from inference.cloud.shared import OPEN_FILES, MountedVolume, commit
from inference.core import processes
from inference.core.errors import Fault, FaultCode
from inference.core.write_access import WriteUnavailable

logger = logging.getLogger(__name__)

_LOOK_S = 1.0  # between two looks at the lease, and two tries to reload
_RENEW_S = 3.0
DRAIN_S = 10.0  # for changes that were begun; with the commit it stays below 15


class LeasedWriter:
    """Write access to a Volume that `lease` gives; see
    `inference.core.write_access.WriteAccess`."""

    def __init__(self, lease: Lease, volume: MountedVolume) -> None:
        self._lease, self._volume = lease, volume
        self._begin: Callable[[], None] = lambda: None
        self._end: Callable[[], None] = lambda: None
        self._changed = threading.Condition()
        self._is_admitting = False  # changes may begin
        self._is_stopped = True  # those that were begun may not go on, either
        self._open_changes = 0
        self._is_notified = False  # `begin` was called last, not `end`
        self._closed = threading.Event()
        self._commit_lock = threading.Lock()
        self._committed_at = 0.0
        self._renewed_at = 0.0
        self._threads = [
            threading.Thread(target=run, name=run.__name__, daemon=True)
            for run in (self._maintain_lease, self._watch_expiry)
        ]

    def start(self) -> None:
        """Ask for the access from now on. It is there at once when nobody else has it."""
        self._try_step(self._check_lease)
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Return when the access is there."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_admitting)

    @property
    def granted(self) -> bool:
        return self._is_admitting and self._lease.is_held

    def require(self) -> None:
        if self._is_stopped or not self._lease.is_held:
            raise WriteUnavailable

    @contextmanager
    def hold(self) -> Iterator[None]:
        with self._changed:
            if not self.granted:
                raise WriteUnavailable
            self._open_changes += 1
        try:
            yield
        finally:
            with self._changed:
                self._open_changes -= 1
                self._changed.notify_all()

    def commit(self) -> None:
        asked_at = time.monotonic()
        with self._commit_lock:
            if self._committed_at > asked_at:  # somebody's commit that began after this was asked
                return
            began_at = time.monotonic()
            try:
                commit(self._volume)
            except Exception as error:
                message = "What you did could not be kept for sure. Look whether it is there."
                raise Fault(FaultCode.INTERNAL, message, repr(error)) from error
            self._committed_at = began_at

    def subscribe(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        with self._changed:
            self._begin, self._end = begin, end
        if self._is_admitting:
            self._try_step(self._admit)

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._is_admitting:
            self._try_step(self._hand_over if self._lease.is_held else self._stop)

    def _maintain_lease(self) -> None:
        while not self._closed.wait(_LOOK_S):
            self._try_step(self._check_lease)

    def _watch_expiry(self) -> None:
        """Stop in time, whatever the other thread waits for an answer to."""
        while not self._closed.wait(_LOOK_S):
            if self._is_admitting and not self._lease.is_held:
                self._stop()

    def _try_step(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # Modal does not answer, say; the lease ends by itself
            logger.exception("the lease could not be looked after")

    def _check_lease(self) -> None:
        now = time.monotonic()
        if self._is_admitting and now - self._renewed_at < _RENEW_S:
            return
        self._lease.renew_or_take()
        self._renewed_at = now
        if self._lease.is_held and not self._is_admitting:
            self._take_over()
        elif self._is_admitting and self._lease.is_wanted:
            self._hand_over()

    def _take_over(self) -> None:
        """Show the Volume as it is now, then begin. What is open prevents it for the moment."""
        try:
            self._volume.reload()
        except RuntimeError as error:
            if OPEN_FILES not in str(error):
                raise
            logger.info("not yet: %s", error)
            return
        logger.info("this machine writes from now on")
        self._admit()

    def _admit(self) -> None:
        """Let changes be made. What can't be begun now is tried again at the next look."""
        with self._changed:
            self._is_stopped, self._is_notified = False, True
            try:
                self._begin()
            except BaseException:
                self._is_admitting, self._is_stopped = False, True
                raise
            self._is_admitting = True
            self._changed.notify_all()

    def _stop(self) -> None:
        """Begin nothing more, and end what works beside this process."""
        with self._changed:
            self._is_admitting, self._is_stopped = False, True
            following, self._is_notified = self._is_notified, False
        processes.kill_all()
        if following:
            self._end()
        processes.kill_all()  # what was begun meanwhile

    def _hand_over(self) -> None:
        """Let changes that were begun come to their end, and hand over."""
        with self._changed:
            self._is_admitting = False
            self._changed.wait_for(lambda: not self._open_changes, DRAIN_S)
        self._stop()
        if self._lease.is_held:  # else others are waited for no longer
            commit(self._volume)
            self._lease.release()
        logger.info("another machine writes from now on")
