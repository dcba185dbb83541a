"""History of a job: a file in its folder, to which each event is appended as a line of JSON.

There is one writer at a time: the holder of the job's lock or, when it is free, of the queue's.
"""

from functools import lru_cache
from pathlib import Path

from inference.core.events import Event, Record, parse_record

EVENTS = "events.jsonl"
_CACHED_LINES = 20_000  # parsed, in memory; a long job has about a thousand


def read_records(folder: Path, after: int = -1) -> list[Record]:
    """Return the records numbered above `after`, oldest first, without half-written lines."""
    records = filter(None, map(_parse_line, _read_lines(folder)[after + 1 :]))
    return [record for record in records if record.seq > after]


def read_last(folder: Path) -> Record | None:
    """Return the newest record without parsing those before it; None when there is none."""
    return next(filter(None, map(_parse_line, reversed(_read_lines(folder)))), None)


def read_size(folder: Path) -> int:
    """Return the size of the history in bytes, which changes with every event."""
    try:
        return (folder / EVENTS).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _read_lines(folder: Path) -> list[bytes]:
    try:
        return (folder / EVENTS).read_bytes().splitlines()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return []


@lru_cache(_CACHED_LINES)  # pages read a history over and over; parsing is the expensive part
def _parse_line(line: bytes) -> Record | None:
    try:
        return parse_record(line.decode())
    except (ValueError, KeyError, TypeError, AttributeError):  # half a line, or another version's
        return None


class HistoryWriter:
    """Writer of a job's history, which continues the numbers found there."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        newest = read_last(folder)
        self._next = newest.seq + 1 if newest else 0
        self._torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n")

    def append(self, event: Event) -> None:
        """Write one line, complete in the file on return. Raises OSError."""
        line = Record(self._next, event).to_json() + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + line if self._torn else line)
        self._next, self._torn = self._next + 1, False
