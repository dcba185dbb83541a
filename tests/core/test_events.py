"""Events come back from disk as they went."""

import json
from datetime import UTC, datetime

import pytest

from inference.core.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Record,
    Result,
    Stage,
    StageName,
    Step,
    Window,
    parse_record,
)

RESULT = Result("result.mp4", 269, 10.76, 896, 448, 25, "draft", 3.2)


@pytest.mark.parametrize(
    "event",
    [
        Stage(StageName.QUEUED, "Waiting", place=2),
        Step(5, 8, window=0, windows=3, eta_s=12.5),
        Frame("frames/latest.jpg"),
        Window(1, "windows/001.mp4", 133),
        Finished(RESULT),
        Failed("no_face", "A draft needs a face.", "details"),
        Cancelled(81, "result.mp4"),
    ],
)
def test_an_event_survives_the_disk(event: Event) -> None:
    record = Record(7, event, datetime(2026, 11, 23, 15, 0, 0, 123_000, tzinfo=UTC))
    assert parse_record(record.to_json()) == record


def test_a_line_has_the_fields_others_read() -> None:
    time = datetime(2026, 11, 23, 15, 0, 0, 123_000, tzinfo=UTC)
    line = Record(7, Window(1, "windows/001.mp4", 133), time).to_json()
    assert "\n" not in line
    assert json.loads(line) == {
        "seq": 7,
        "time": "2026-11-23T15:00:00.123Z",
        "type": "window",
        "index": 1,
        "path": "windows/001.mp4",
        "frames_done": 133,
        "fault": None,
    }
