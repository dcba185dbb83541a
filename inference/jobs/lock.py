"""File locks (flock) that end with the process that holds them, however it ends.

A lock is an open file. A process that is started with it as its standard input holds it as well;
closing the last of these descriptors frees it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROBE_S = 0.2  # longer than a call of `is_held`, which holds the lock for a moment itself
_PAUSE_S = 0.01


def acquire(path: Path) -> int | None:
    """Return a descriptor that holds the lock at `path`; None when another one holds it.

    Creates the file if needed, but not its folder. Raises OSError.
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
    """Tell whether the lock at `path` is held."""
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
    """Hold the lock at `path`, after waiting for it without a limit."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def acquire_inherited(path: Path) -> int | None:
    """Return a descriptor of the lock at `path` that this process got as its standard input.

    Returns None when it got none. Standard input is empty afterwards, and children of this process
    do not inherit the lock, because it must not outlive the work.
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
    """Write the id of the process that holds the lock into its file."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(pid).encode(), 0)


def read_holder(path: Path) -> int | None:
    """Return the id of the last process that held the lock; None when none was written."""
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
