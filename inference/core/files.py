"""Small files with state: written whole, and read as if anything could be in them."""

import fcntl
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import TypeAdapter

from inference.core.errors import Fault, FaultCode
from inference.core.write_access import WriteUnavailable

logger = logging.getLogger(__name__)

PART = ".part"  # suffix of a file that is being written; its writer holds a lock on it
_MAX_BYTES = 16 << 20  # of a small file; a session with two recordings has 20,000
_MAX_NUMBER = 1e10  # more than any time in seconds, seed or count; sums of two still fit a date
_T = TypeVar("_T")


class UnreadableFile(Fault):
    """A stored file is damaged, or was written by a newer version."""

    def __init__(self, path: Path, details: str = "") -> None:
        message = (
            f"This can't be read any more: its file {path.name} is damaged, or from a newer "
            "version. Delete it and make it again."
        )
        super().__init__(FaultCode.UNREADABLE, message, f"{path}: {details}")


def write_whole(path: Path, content: str | bytes, mode: int = 0o666, sync: bool = True) -> None:
    """Replace the file at `path` in one step, so that no reader and no crash sees half of it.

    `sync`: the machine may crash as well; for what is written often, that takes too long. The
    folder is never created: what was deleted stays deleted. Raises OSError, which names `path`.
    """
    part = path.with_name(f".{secrets.token_hex(8)}{PART}")
    data = content.encode() if isinstance(content, str) else content
    try:
        with create_locked(part, mode) as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
            _replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        error.filename = error.filename or str(path)
        raise


def create_locked(path: Path, mode: int = 0o666) -> BinaryIO:
    """Create the file and hold its lock: one that nobody holds is a leftover of a killed process.

    Raises OSError.
    """
    while True:
        file = open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode))
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists():
            return file
        file.close()  # deleted as a leftover before it was locked


@contextmanager
def isolate(path: Path) -> Iterator[None]:
    """Log what is wrong with one file or folder, which must not stop the work on others."""
    try:
        yield
    except WriteUnavailable:
        raise
    except (OSError, Fault) as error:
        logger.warning("%s is left alone: %r", path.name[:8], error)


def read_word(path: Path) -> str:
    """Return the text of a file of one word; "" when it is missing or can't be read."""
    try:
        return _read(path).decode()
    except (OSError, UnicodeDecodeError, UnreadableFile):
        return ""


def read_json(path: Path, adapter: TypeAdapter[_T]) -> _T:
    """Return the value stored at `path`.

    Raises UnreadableFile when it is no such value, FileNotFoundError and other OSErrors.
    """
    content = _read(path)
    try:
        return adapter.validate_python(parse_json(content))
    except Exception as error:  # any that the checks of any dataclass raise
        raise UnreadableFile(path, repr(error)) from error


def parse_json(content: str | bytes) -> Any:
    """Return the JSON value. Raises ValueError, also for a number that can't be one of ours."""
    try:
        return json.loads(
            content, parse_int=_parse_int, parse_float=_parse_float, parse_constant=_parse_float
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def delete_path(path: Path) -> None:
    """Delete a file, or a folder with its contents, if it exists. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (IsADirectoryError, NotADirectoryError) as error:
        raise UnreadableFile(path, repr(error)) from error
    if len(content) > _MAX_BYTES:
        raise UnreadableFile(path, "too large")
    return content


def _replace(part: Path, path: Path) -> None:
    try:
        os.replace(part, path)
    except IsADirectoryError:  # foreign; goes if it is empty
        path.rmdir()
        os.replace(part, path)


def _parse_int(digits: str) -> int:
    _parse_float(digits)
    return int(digits)


def _parse_float(digits: str) -> float:
    value = float(digits)
    if not abs(value) <= _MAX_NUMBER:
        raise ValueError(f"{digits[:40]} is out of range")
    return value
