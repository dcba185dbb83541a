"""Jobs run in processes of their own, outlive whoever started them, and always come to an end."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from inference import jobs
from inference.events import Cancelled, Failed, Finished, Record, Stage, StageName
from inference.settings import ROOT
from inference.task import Task
from tests.fakes import script

PATIENCE_S = 60
STARTING = Stage(StageName.STARTING, "Starting")
LOADING = Stage(StageName.LOADING, "Loading")


def until(task: Task, events: int | None = None) -> list[Record]:
    """The history once it is final, or once it has so many events."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        records = jobs.events(task.folder)
        if jobs.is_final(records) or (events is not None and len(records) >= events):
            return records
        time.sleep(0.05)
    raise AssertionError((task.folder / jobs.LOG).read_text())


def worker_of(task: Task) -> psutil.Process:
    (worker,) = (
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and str(task.folder) in child.cmdline()
    )
    return worker


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers run the scripted engine, 0.1 s an event."""
    monkeypatch.setattr(jobs, "WORKER", "tests.fakes")


def test_a_new_job_is_private_and_unguessable(tmp_path: Path) -> None:
    folders = [jobs.new_job(tmp_path / "data") for _ in range(20)]
    assert len(set(folders)) == 20
    for folder in folders:
        assert jobs.ID.fullmatch(folder.name)
        assert folder.parent == tmp_path / "data" / "jobs"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.usefixtures("scripted")
def test_a_job_runs_to_its_end_in_a_session_of_its_own(task: Task) -> None:
    jobs.start(task)
    worker = worker_of(task)
    assert os.getsid(worker.pid) == worker.pid != os.getsid(0)
    assert [record.event for record in until(task)] == script(task.plan)


def test_a_job_outlives_the_process_that_started_it(task: Task) -> None:
    task.save()
    code = (
        "import os, pathlib; from inference import jobs; from inference.task import load_task;"
        "jobs.WORKER = 'tests.fakes';"
        f"jobs.start(load_task(pathlib.Path({str(task.folder)!r}))); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert not jobs.is_final(jobs.events(task.folder))
    assert isinstance(until(task)[-1].event, Finished)


@pytest.mark.usefixtures("scripted")
def test_a_cancel_reaches_the_worker(task: Task) -> None:
    jobs.start(task)
    until(task, events=2)
    jobs.cancel(task.folder)
    assert isinstance(until(task)[-1].event, Cancelled)


@pytest.mark.usefixtures("scripted")
def test_a_worker_that_is_killed_leaves_a_failed_job(task: Task) -> None:
    jobs.start(task)
    before = until(task, events=2)
    worker_of(task).send_signal(signal.SIGKILL)
    after = until(task)
    assert after[: len(before)] == before
    assert isinstance(after[-1].event, Failed)
    assert [record.seq for record in after] == list(range(len(after)))


def test_a_job_without_a_history_has_no_events(tmp_path: Path) -> None:
    assert jobs.events(tmp_path) == []


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    history = jobs.History(tmp_path)
    for event in (STARTING, LOADING, STARTING):
        history.append(event)
    assert [record.seq for record in jobs.events(tmp_path, after=0)] == [1, 2]
    assert jobs.events(tmp_path, after=2) == []


def test_a_half_written_line_is_not_read_and_does_no_harm(tmp_path: Path) -> None:
    jobs.History(tmp_path).append(STARTING)
    with (tmp_path / jobs.EVENTS).open("ab") as file:
        file.write(b'{"seq": 1, "time": "2026-11')
    assert [record.event for record in jobs.events(tmp_path)] == [STARTING]
    jobs.History(tmp_path).append(LOADING)
    assert [(record.seq, record.event) for record in jobs.events(tmp_path)] == [
        (0, STARTING),
        (1, LOADING),
    ]
