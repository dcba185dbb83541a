"""What happened to a job: one line of JSON an event in its folder, appended as it happens.

One writer at a time: whoever holds the job's lock, and the queue while nobody does.
"""

from functools import lru_cache
from pathlib import Path

from inference.core.events import Event, Record, parse_record

EVENTS = "events.jsonl"
_CACHED_LINES = 20_000  # parsed, in memory; a long job has about a thousand


def read_records(folder: Path, after: int = -1) -> list[Record]:
    """The job's records numbered above `after`, oldest first; a half-written line is left out."""
    records = filter(None, map(_parse_line, _read_lines(folder)[after + 1 :]))
    return [record for record in records if record.seq > after]


def read_last(folder: Path) -> Record | None:
    """The newest record, without reading those before it; None before the first."""
    return next(filter(None, map(_parse_line, reversed(_read_lines(folder)))), None)


def read_size(folder: Path) -> int:
    """Bytes of the history: it changes with every event."""
    try:
        return (folder / EVENTS).stat().st_size
    except FileNotFoundError:
        return 0


def _read_lines(folder: Path) -> list[bytes]:
    try:
        return (folder / EVENTS).read_bytes().splitlines()
    except FileNotFoundError:
        return []


@lru_cache(_CACHED_LINES)  # pages read a history again and again, and parsing is what costs
def _parse_line(line: bytes) -> Record | None:
    try:
        return parse_record(line.decode())
    except (ValueError, KeyError, TypeError):  # half of a line, or of another version
        return None


class HistoryWriter:
    """Appends events to a job's history, numbered on from the last one there."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        newest = read_last(folder)
        self._next = newest.seq + 1 if newest else 0
        self._torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n")

    def append(self, event: Event) -> None:
        """Write one line, complete in the file when this returns. Raises OSError."""
        line = Record(self._next, event).to_json() + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + line if self._torn else line)
        self._next, self._torn = self._next + 1, False
