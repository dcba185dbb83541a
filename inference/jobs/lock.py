"""Who may work on a folder: locks that end with the process that holds them, however it ends.

A lock is an open file (flock); a process that is started with it as its standard input holds it
too. Closing the last of these descriptors frees it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROBE_S = 0.2  # longer than a look by `is_held` takes, which holds the lock for that moment
_PAUSE_S = 0.01


def acquire(path: Path) -> int | None:
    """The descriptor that now holds the lock at `path`; None when somebody else does.

    The file is made when it is not there; its folder is not. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + _PROBE_S
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > end:
            os.close(descriptor)
            return None
        time.sleep(_PAUSE_S)
    return descriptor


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock at `path` now."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Holds the lock at `path`, waiting for it as long as it takes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def acquire_inherited(path: Path) -> int | None:
    """The descriptor of the lock at `path` when this process was started with it as its standard
    input, which is empty from now on; None otherwise.

    No child of this process inherits it: the lock must not outlive the work.
    """
    try:
        if not os.path.samestat(os.fstat(0), os.stat(path)) or not _try_lock(0, fcntl.LOCK_EX):
            return None
    except OSError:  # no standard input, or no such file
        return None
    descriptor = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return descriptor


def write_holder(descriptor: int, pid: int) -> None:
    """Say in the lock's file which process holds it."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(pid).encode(), 0)


def read_holder(path: Path) -> int | None:
    """The process that last held the lock at `path`; None when it did not say."""
    try:
        return int(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
