"""A job's state is what its folder says, in every order in which things can end."""

import os
from pathlib import Path

import pytest

from inference.core.events import Cancelled, Event, Failed, Finished, Stage, StageName
from inference.core.files import read_word
from inference.core.task import Task
from inference.jobs import history
from inference.jobs.state import WAITING as WAITING_FILE
from inference.jobs.state import (
    State,
    is_cancelled,
    read_family,
    read_state,
    read_time_ns,
)
from presets.schema import EngineFamily
from tests.jobs.conftest import take_lock
from tests.support.scripted_engine import result

WAITING = Stage(StageName.QUEUED, "Waiting")


def test_what_waits_is_queued_until_it_is_locked(folder: Path) -> None:
    (folder / WAITING_FILE).touch()
    assert read_state(folder) is State.QUEUED
    descriptor = take_lock(folder)
    assert read_state(folder) is State.RUNNING
    (folder / WAITING_FILE).unlink()
    assert read_state(folder) is State.RUNNING
    os.close(descriptor)
    assert read_state(folder) is State.INTERRUPTED


@pytest.mark.parametrize(
    ("final", "state"),
    [
        (Failed("internal", "Broke."), State.FAILED),
        (Cancelled(0), State.CANCELLED),
        ("finished", State.FINISHED),
    ],
)
def test_a_final_event_counts_before_and_after_the_worker_is_gone(
    task: Task, folder: Path, final: Event | str, state: State
) -> None:
    descriptor = take_lock(folder)
    history.HistoryWriter(folder).append(WAITING)
    assert read_state(folder) is State.RUNNING
    event = Finished(result(task.plan)) if isinstance(final, str) else final
    history.HistoryWriter(folder).append(event)
    assert read_state(folder) is state
    os.close(descriptor)
    assert read_state(folder) is state
    history.HistoryWriter(folder).append(WAITING)
    assert read_state(folder) is State.INTERRUPTED


@pytest.mark.holds("making, draft", "torn file", "half a line of its history counts for nothing")
def test_a_torn_line_does_not_hide_that_it_was_interrupted(folder: Path) -> None:
    history.HistoryWriter(folder).append(WAITING)
    with (folder / history.EVENTS).open("ab") as file:
        file.write(b'{"seq": 1, "time": "2026-11-23T15:00:00.123Z", "type": "finis')
    assert read_state(folder) is State.INTERRUPTED


def test_a_folder_that_is_gone_or_broken_has_answers_too(tmp_path: Path) -> None:
    assert read_word(tmp_path / "gone" / "owner") == ""
    assert read_time_ns(tmp_path / "gone" / "started") == 0
    (tmp_path / "started").write_text("")
    assert read_time_ns(tmp_path / "started") == 0
    assert read_family(tmp_path) is EngineFamily.DRAFT
    assert not is_cancelled(tmp_path)
