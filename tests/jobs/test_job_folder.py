"""A job's state is what its folder says, in every order in which things can end."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from inference.core import processes
from inference.core.errors import Fault
from inference.core.events import Cancelled, Event, Failed, Finished, Stage, StageName
from inference.core.task import Task
from inference.jobs import history, job_folder, lock
from inference.jobs.job_folder import State
from presets.schema import EngineFamily
from tests.support.scripted_engine import result

WAITING = Stage(StageName.QUEUED, "Waiting")
# a process with a child of its own, which it tells the number of
WITH_CHILD = (
    "import subprocess; child = subprocess.Popen(['sleep', '600']);"
    "print(child.pid, flush=True); child.wait()"
)


@pytest.fixture
def folder(task: Task) -> Path:
    task.save()
    return task.folder


def held(folder: Path) -> int:
    descriptor = lock.acquire(folder / job_folder.LOCK)
    assert descriptor is not None
    return descriptor


def test_what_waits_is_queued_until_it_is_locked(folder: Path) -> None:
    (folder / job_folder.WAITING).touch()
    assert job_folder.read_state(folder) is State.QUEUED
    descriptor = held(folder)
    assert job_folder.read_state(folder) is State.RUNNING
    (folder / job_folder.WAITING).unlink()
    assert job_folder.read_state(folder) is State.RUNNING
    os.close(descriptor)
    assert job_folder.read_state(folder) is State.INTERRUPTED


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
    descriptor = held(folder)
    history.HistoryWriter(folder).append(WAITING)
    assert job_folder.read_state(folder) is State.RUNNING
    event = Finished(result(task.plan)) if isinstance(final, str) else final
    history.HistoryWriter(folder).append(event)
    assert job_folder.read_state(folder) is state
    os.close(descriptor)
    assert job_folder.read_state(folder) is state
    history.HistoryWriter(folder).append(WAITING)
    assert job_folder.read_state(folder) is State.INTERRUPTED


def test_a_torn_line_does_not_hide_that_it_was_interrupted(folder: Path) -> None:
    history.HistoryWriter(folder).append(WAITING)
    with (folder / history.EVENTS).open("ab") as file:
        file.write(b'{"seq": 1, "time": "2026-11-23T15:00:00.123Z", "type": "finis')
    assert job_folder.read_state(folder) is State.INTERRUPTED


def test_a_folder_that_is_gone_or_broken_has_answers_too(tmp_path: Path) -> None:
    assert job_folder.read_text(tmp_path / "gone" / "owner") == ""
    assert job_folder.read_time_ns(tmp_path / "gone" / "started") == 0
    (tmp_path / "started").write_text("")
    assert job_folder.read_time_ns(tmp_path / "started") == 0
    assert job_folder.read_family(tmp_path) is EngineFamily.DRAFT
    assert not job_folder.is_cancelled(tmp_path)


def test_a_job_that_can_t_be_started_fails_in_words_and_is_not_tried_again(folder: Path) -> None:
    (folder / job_folder.WAITING).touch()

    def launch(folder: Path, descriptor: int) -> job_folder.WorkerProcess:
        raise OSError("no more processes")

    assert job_folder.start_worker(folder, launch) is None
    newest = history.read_last(folder)
    assert newest and isinstance(newest.event, Failed)
    assert "could not be started" in newest.event.message
    assert "no more processes" in newest.event.details
    assert job_folder.read_state(folder) is State.FAILED


def test_a_job_that_somebody_runs_by_hand_is_not_started(folder: Path) -> None:
    (folder / job_folder.WAITING).touch()
    descriptor = held(folder)

    def launch(folder: Path, descriptor: int) -> job_folder.WorkerProcess:
        raise AssertionError("started twice")

    assert job_folder.start_worker(folder, launch) is None
    os.close(descriptor)
    assert job_folder.read_state(folder) is State.QUEUED


def test_a_lock_is_waited_for_while_its_worker_is_on_its_way_out(folder: Path) -> None:
    descriptor = held(folder)
    leaving = threading.Timer(0.5, os.close, [descriptor])
    leaving.start()
    with job_folder.hold_lock(folder):
        assert lock.is_held(folder / job_folder.LOCK)
        leaving.join()
    assert not lock.is_held(folder / job_folder.LOCK)


def test_a_worker_that_does_not_end_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_folder, "_END_TIMEOUT_S", 0.5)
    asked: list[int] = []
    descriptor = held(folder)
    lock.write_holder(descriptor, 42)
    with pytest.raises(Fault, match="can't be ended"), job_folder.hold_lock(folder, asked.append):
        raise AssertionError("nobody else may have it")
    os.close(descriptor)
    assert set(asked) == {42}


def test_a_process_is_ended_with_all_its_children(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WITH_CHILD], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        child = psutil.Process(int(process.stdout.readline()))
        processes.kill(process.pid)
        process.wait()
        psutil.wait_procs([child], timeout=30)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    processes.kill(process.pid)  # it has gone: no error


def test_of_a_process_in_somebody_else_s_group_only_itself_is_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", WITH_CHILD], stdout=subprocess.PIPE) as process:
        assert process.stdout
        child = psutil.Process(int(process.stdout.readline()))
        processes.kill(process.pid)
        process.wait()
        try:
            assert child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        finally:
            child.kill()
