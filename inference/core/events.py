"""Events of an engine: Stage, Step, Frame and Window, then exactly one final event.

Paths are relative to the task's folder. On disk, an event is a line of JSON with number and time.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from inference.core.files import parse_json


class StageName(StrEnum):
    """Stages of a job, in order."""

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
    """Start of a stage.

    `place` is the position in the queue, from 1; `usual_s` the stage's duration in past runs, where
    known; `note` an extra sentence for the user.
    """

    name: StageName
    message: str
    place: int | None = None
    usual_s: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Step:
    """Progress: `done` of `total` steps in window `window` (from 0) of `windows`.

    `eta_s` is the estimated time until the whole job ends.
    """

    done: int
    total: int
    window: int
    windows: int
    eta_s: float | None = None


@dataclass(frozen=True)
class Frame:
    """New preview, a JPEG."""

    path: str


@dataclass(frozen=True)
class Window:
    """Finished window: `path` is a playable mp4 of its new frames, `frames_done` counts all so far.

    `fault` is a sentence about a suspected defect.
    """

    index: int
    path: str
    frames_done: int
    fault: str | None = None


@dataclass(frozen=True)
class Result:
    """Finished video of `frames` frames, which took `seconds` to render.

    `report` is the path of its quality report, where there is one; `model` the name of the model.
    """

    path: str
    frames: int
    duration_s: float
    width: int
    height: int
    fps: int
    engine: str
    seconds: float
    report: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Finished:
    result: Result


@dataclass(frozen=True)
class Failed:
    """Failed job: `message` is for the user, `details` for the log.

    `code` is a code of `inference.core.errors`.
    """

    code: str
    message: str
    details: str = ""


@dataclass(frozen=True)
class Cancelled:
    """Job cancelled on request after `frames` frames; `path` is their mp4, if there are any."""

    frames: int
    path: str | None = None


Event = Stage | Step | Frame | Window | Finished | Failed | Cancelled
FINAL = (Finished, Failed, Cancelled)
_ADAPTERS: dict[str, TypeAdapter[Event]] = {
    kind.__name__.lower(): TypeAdapter(kind) for kind in (Stage, Step, Frame, Window, *FINAL)
}


@dataclass(frozen=True)
class Record:
    """Line of a job's event log: an event with its number (from 0) and UTC time."""

    seq: int
    event: Event
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_json(self) -> str:
        """Return the record as a line of JSON without its line break."""
        time = self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind = type(self.event).__name__.lower()
        return json.dumps({"seq": self.seq, "time": time, "type": kind} | asdict(self.event))


def parse_record(line: str) -> Record:
    """Return the record that `Record.to_json` wrote.

    Raises ValueError, KeyError, TypeError or AttributeError for any other line.
    """
    values: dict[str, Any] = parse_json(line)
    adapter = _ADAPTERS[values.pop("type")]
    seq, time = values.pop("seq"), datetime.fromisoformat(values.pop("time"))
    if type(seq) is not int or seq < 0 or time.tzinfo is None:
        raise ValueError("no number and time of a record")
    return Record(seq, adapter.validate_python(values), time)
