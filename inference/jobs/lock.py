"""File locks (flock) that end with the process that holds them, however it ends.

A lock is an open file. A process that is started with it as its standard input holds it as well;
closing the last of these descriptors frees it.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.core.files import PART, isolate, read_word

_PID = re.compile("[1-9][0-9]{0,6}", re.ASCII)  # Linux has 22 bits, macOS fewer
_PROBE_S = 0.2  # longer than a call of `is_held`, which holds the lock for a moment itself
_PAUSE_S = 0.01


def acquire(path: Path) -> int | None:
    """Return a descriptor that holds the lock at `path`; None when another one holds it.

    Creates the file if needed, but not its folder. Raises OSError.
    """
    descriptor = _open(path)
    end = time.monotonic() + _PROBE_S
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > end:
            os.close(descriptor)
            return None
        time.sleep(_PAUSE_S)
    return descriptor


def is_held(path: Path) -> bool:
    """Tell whether the lock at `path` is held; another user's counts as held."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return True
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Try to hold the lock at `path`, a file that exists only meanwhile; yield whether it is held.

    Creates its folder. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    while (descriptor := acquire(path)) is not None:
        if _is_at(descriptor, path):
            break
        os.close(descriptor)  # of a holder that just ended, who deleted it
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, after waiting for it without a limit."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def delete_unheld(folder: Path, pattern: str = f"*{PART}") -> None:
    """Delete the files in `folder` whose lock nobody holds: half-written ones, or a `pattern`.

    They are locked meanwhile: one that was just opened, but not yet locked, is seen to be gone.
    """
    for part in folder.glob(pattern):
        with isolate(part):
            if part.is_file():
                _delete_unheld_file(part)


def _delete_unheld_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _try_lock(descriptor, fcntl.LOCK_SH):
            path.unlink(missing_ok=True)
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
    digits = read_word(path)
    return int(digits) if _PID.fullmatch(digits) else None


def _open(path: Path) -> int:
    """Open the lock at `path`; also a folder in its place is a lock, though it names no holder."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except IsADirectoryError:
        return os.open(path, os.O_RDONLY)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
