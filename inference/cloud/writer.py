"""Write access of a page's container to the jobs Volume while it holds the lease.

Two containers exist for a while when the app is deployed or a machine is replaced. Each sees the
Volume as of its own start, and the last one to write a file wins; so only one writes. A newcomer
asks the holder for the lease. The holder finishes begun changes, commits, and releases the lease;
then the newcomer reloads the Volume and begins.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inference.cloud.lease import Lease
from inference.cloud.mounted_volume import OPEN_FILES, MountedVolume, commit
from inference.core import processes
from inference.core.errors import Fault, FaultCode
from inference.core.write_access import WriteUnavailable

logger = logging.getLogger(__name__)

_LOOK_S = 1.0  # between two checks of the lease, and two tries to reload
_RENEW_S = 3.0
DRAIN_S = 10.0  # for begun changes to end; with the commit it stays below 15


class LeasedWriter:
    """Write access to a Volume while `lease` is held.

    Implements `inference.core.write_access.WriteAccess`.
    """

    def __init__(self, lease: Lease, volume: MountedVolume) -> None:
        self._lease, self._volume = lease, volume
        self._begin: Callable[[], None] = lambda: None
        self._end: Callable[[], None] = lambda: None
        self._changed = threading.Condition()
        self._is_admitting = False  # changes may begin
        self._is_stopped = True  # begun changes must stop, too
        self._open_changes = 0
        self._is_notified = False  # the last callback was `begin`, not `end`
        self._closed = threading.Event()
        self._commit_lock = threading.Lock()
        self._committed_at = 0.0
        self._renewed_at = 0.0
        self._threads = [
            threading.Thread(target=run, name=run.__name__, daemon=True)
            for run in (self._maintain_lease, self._watch_expiry)
        ]

    def start(self) -> None:
        """Begin to ask for access. It is granted at once when no other machine has it."""
        self._try_step(self._check_lease)
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until access is granted."""
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
        called_at = time.monotonic()
        with self._commit_lock:
            if self._committed_at > called_at:  # a commit of another thread began after this call
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
        """Stop in time, even while the other thread waits for an answer."""
        while not self._closed.wait(_LOOK_S):
            if self._is_admitting and not self._lease.is_held:
                self._stop()

    def _try_step(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # for example, Modal does not answer; the lease ends by itself
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
        """Reload the Volume and admit changes. Open files prevent that until the next check."""
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
        """Admit changes. When `begin` raises, the next check tries again."""
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
        """Admit no more changes, and end the processes started from here."""
        with self._changed:
            self._is_admitting, self._is_stopped = False, True
            was_notified, self._is_notified = self._is_notified, False
        processes.kill_all()
        if was_notified:
            self._end()
        processes.kill_all()  # those started meanwhile

    def _hand_over(self) -> None:
        """Wait for begun changes, then stop and release the lease."""
        with self._changed:
            self._is_admitting = False
            self._changed.wait_for(lambda: not self._open_changes, DRAIN_S)
        self._stop()
        if self._lease.is_held:  # after that another machine may write already
            commit(self._volume)
            self._lease.release()
        logger.info("another machine writes from now on")
