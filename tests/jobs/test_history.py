"""A history is read whole or from a number on, whatever happened to whoever wrote it."""

from pathlib import Path

import pytest

from inference.core.events import Cancelled, Stage, StageName, Step
from inference.jobs import history
from inference.jobs.history import EVENTS, HistoryWriter

STARTING = Stage(StageName.STARTING, "Starting")
LOADING = Stage(StageName.LOADING, "Loading")


def test_a_job_without_a_history_has_no_events(tmp_path: Path) -> None:
    assert history.read_records(tmp_path) == []
    assert history.read_last(tmp_path) is None
    assert history.read_size(tmp_path) == 0


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    sizes = []
    for event in (STARTING, LOADING, Cancelled(0)):
        HistoryWriter(tmp_path).append(event)
        sizes.append(history.read_size(tmp_path))
    records = history.read_records(tmp_path)
    assert [record.seq for record in records] == [0, 1, 2]
    assert [record.event for record in records] == [STARTING, LOADING, Cancelled(0)]
    assert history.read_last(tmp_path) == records[-1]
    assert sizes == sorted(set(sizes))


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    written = HistoryWriter(tmp_path)
    for event in (STARTING, LOADING, STARTING):
        written.append(event)
    assert [record.seq for record in history.read_records(tmp_path, after=0)] == [1, 2]
    assert history.read_records(tmp_path, after=2) == []


def test_a_half_written_line_is_not_read_and_does_no_harm(tmp_path: Path) -> None:
    HistoryWriter(tmp_path).append(STARTING)
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b'{"seq": 1, "time": "2026-11')
    assert [record.event for record in history.read_records(tmp_path)] == [STARTING]
    assert history.read_last(tmp_path) == history.read_records(tmp_path)[0]
    HistoryWriter(tmp_path).append(LOADING)
    HistoryWriter(tmp_path).append(STARTING)
    records = history.read_records(tmp_path)
    assert [(record.seq, record.event) for record in records] == [
        (0, STARTING),
        (1, LOADING),
        (2, STARTING),
    ]
    assert history.read_records(tmp_path, after=1) == records[2:]


def test_a_history_that_begins_again_is_not_mistaken_for_the_old_one(tmp_path: Path) -> None:
    HistoryWriter(tmp_path).append(STARTING)
    history.read_records(tmp_path)
    (tmp_path / EVENTS).unlink()
    HistoryWriter(tmp_path).append(LOADING)
    (record,) = history.read_records(tmp_path)
    assert (record.seq, record.event) == (0, LOADING)


def test_a_long_history_is_parsed_once_however_often_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = HistoryWriter(tmp_path)
    for done in range(50):
        written.append(Step(done, 50, 0, 1))
    before = history.read_records(tmp_path)

    def parse(line: str) -> None:
        raise AssertionError(f"parsed again: {line}")

    monkeypatch.setattr(history, "parse_record", parse)
    assert history.read_records(tmp_path) == before
    assert history.read_last(tmp_path) == before[-1]
