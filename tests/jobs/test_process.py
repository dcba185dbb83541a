"""A job's process is started once, and ended before anyone else has the job."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from inference.core import processes
from inference.core.errors import Fault
from inference.core.events import Failed
from inference.jobs import history, lock, process
from inference.jobs.state import LOCK, WAITING, State, read_state
from tests.jobs.conftest import take_lock

# a process with a child of its own, which it tells the number of
WITH_CHILD = (
    "import subprocess; child = subprocess.Popen(['sleep', '600']);"
    "print(child.pid, flush=True); child.wait()"
)


def test_a_job_that_can_t_be_started_fails_in_words_and_is_not_tried_again(folder: Path) -> None:
    (folder / WAITING).touch()

    def launch(folder: Path, descriptor: int) -> process.WorkerProcess:
        raise OSError("no more processes")

    assert process.start_worker(folder, launch) is None
    newest = history.read_last(folder)
    assert newest and isinstance(newest.event, Failed)
    assert "could not be started" in newest.event.message
    assert "no more processes" in newest.event.details
    assert read_state(folder) is State.FAILED


def test_a_job_that_somebody_runs_by_hand_is_not_started(folder: Path) -> None:
    (folder / WAITING).touch()
    descriptor = take_lock(folder)

    def launch(folder: Path, descriptor: int) -> process.WorkerProcess:
        raise AssertionError("started twice")

    assert process.start_worker(folder, launch) is None
    os.close(descriptor)
    assert read_state(folder) is State.QUEUED


def test_a_lock_is_waited_for_while_its_worker_is_on_its_way_out(folder: Path) -> None:
    descriptor = take_lock(folder)
    leaving = threading.Timer(0.5, os.close, [descriptor])
    leaving.start()
    with process.hold_lock(folder):
        assert lock.is_held(folder / LOCK)
        leaving.join()
    assert not lock.is_held(folder / LOCK)


def test_a_worker_that_does_not_end_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_END_TIMEOUT_S", 0.5)
    asked: list[int] = []
    descriptor = take_lock(folder)
    lock.write_holder(descriptor, 42)
    with pytest.raises(Fault, match="can't be ended"), process.hold_lock(folder, asked.append):
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
