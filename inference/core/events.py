"""What an engine says on the way: Stage, Step, Frame, Window, then exactly one final event.

Paths are relative to the task's folder. On disk an event is one line of JSON, numbered and timed.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter


class StageName(StrEnum):
    """Where the work stands, in the order a job meets them."""

    QUEUED = "queued"
    STARTING = "starting"
    LOADING = "loading"
    LISTENING = "listening"
    LOOKING = "looking"
    DRAWING = "drawing"
    WINDOW = "window"
    FINISHING = "finishing"


@dataclass(frozen=True)
class Stage:
    """A new stage began. `place` is the place in the queue, 1 being next; `usual_s` is how long it
    took in past runs, where that is known; `note` is a sentence on how this one goes."""

    name: StageName
    message: str
    place: int | None = None
    usual_s: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Step:
    """`done` of `total` steps of window `window` (from 0) of `windows`; `eta_s` till the end."""

    done: int
    total: int
    window: int
    windows: int
    eta_s: float | None = None


@dataclass(frozen=True)
class Frame:
    """The newest preview, a JPEG."""

    path: str


@dataclass(frozen=True)
class Window:
    """A window is finished: `path` is a playable mp4 of its new frames, `frames_done` in all;
    `fault` is a sentence where it is worth a look."""

    index: int
    path: str
    frames_done: int
    fault: str | None = None


@dataclass(frozen=True)
class Result:
    """The finished video: `frames` frames of `width` x `height` at `fps`, made in `seconds`;
    `report` is the file of its quality report, where there is one."""

    path: str
    frames: int
    duration_s: float
    width: int
    height: int
    fps: int
    engine: str
    seconds: float
    report: str | None = None


@dataclass(frozen=True)
class Finished:
    result: Result


@dataclass(frozen=True)
class Failed:
    """`message` is for the person, `details` for the log; `code` is one of
    `inference.core.errors`."""

    code: str
    message: str
    details: str = ""


@dataclass(frozen=True)
class Cancelled:
    """Stopped on request. `frames` are kept, as a playable mp4 at `path` when there are any."""

    frames: int
    path: str | None = None


Event = Stage | Step | Frame | Window | Finished | Failed | Cancelled
FINAL = (Finished, Failed, Cancelled)
_ADAPTERS: dict[str, TypeAdapter[Event]] = {
    kind.__name__.lower(): TypeAdapter(kind) for kind in (Stage, Step, Frame, Window, *FINAL)
}


@dataclass(frozen=True)
class Record:
    """One line of a job's history: an event with its number (from 0) and UTC time."""

    seq: int
    event: Event
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_json(self) -> str:
        """One line of JSON without its line break."""
        time = self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind = type(self.event).__name__.lower()
        return json.dumps({"seq": self.seq, "time": time, "type": kind} | asdict(self.event))


def parse_record(line: str) -> Record:
    """The record that `Record.to_json` wrote."""
    values: dict[str, Any] = json.loads(line)
    adapter = _ADAPTERS[values.pop("type")]
    seq, time = values.pop("seq"), datetime.fromisoformat(values.pop("time"))
    return Record(seq, adapter.validate_python(values), time)
