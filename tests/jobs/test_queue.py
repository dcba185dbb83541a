"""Real servers' queues and real workers: what is killed, on either side, loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from inference.core.events import Cancelled, Finished, Stage, StageName, Window
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.settings import ROOT, Settings
from inference.core.task import Task
from inference.jobs import history, lock, process, queue
from inference.jobs import state as job_state
from inference.jobs.queue import Dispatcher
from inference.jobs.state import LOCK, LOG
from inference.jobs.store import JobStore, State
from inference.jobs.worker import STARTING
from tests.conftest import FOUR_SECONDS, ONE_PERSON
from tests.support.scripted_engine import script

PATIENCE_S = 60
# a server's queue without its page
SERVER = (
    "import pathlib, sys, threading\n"
    "from inference.jobs import queue\n"
    "from inference.jobs.store import JobStore\n"
    "from inference.core.settings import Settings\n"
    "queue.WORKER = 'tests.support.scripted_engine'\n"
    "queue.Dispatcher(JobStore(Settings(pathlib.Path(sys.argv[1])))).start()\n"
    "threading.Event().wait()\n"
)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobStore]:
    """The jobs of a folder of data of their own; no worker outlives the test."""
    jobs = JobStore(Settings(tmp_path))
    yield jobs
    for folder in (tmp_path / "jobs").iterdir():
        jobs.delete(folder)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers run the scripted engine, fast enough for a test and slow enough to be caught."""
    monkeypatch.setattr(queue, "WORKER", "tests.support.scripted_engine")
    monkeypatch.setenv("SCRIPTED_PAUSE_S", "0.05")


@pytest.fixture
def dispatcher(jobs: JobStore) -> Iterator[Dispatcher]:
    with running(jobs) as dispatcher:
        yield dispatcher


@contextmanager
def running(jobs: JobStore) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(jobs)
    dispatcher.start()
    try:
        yield dispatcher
    finally:
        dispatcher.close()


@contextmanager
def server(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process; killed in the end, if it is still there."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(data)], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def submitted(jobs: JobStore, owner: str = "ada", quality: str = "draft") -> Task:
    """A task of two windows, in the queue."""
    request = Request(ONE_PERSON, (FOUR_SECONDS,), quality=quality)
    task = Task(request, make_plan(request, 40), jobs.create(owner))
    jobs.submit(task)
    return task


def is_in(jobs: JobStore, task: Task, state: State) -> Callable[[], bool]:
    return lambda: jobs.read_state(task.folder) is state


def has_window(task: Task) -> Callable[[], bool]:
    return lambda: bool(windows(task))


def windows(task: Task) -> list[int]:
    records = history.read_records(task.folder)
    return [record.event.index for record in records if isinstance(record.event, Window)]


def worker_of(task: Task) -> psutil.Process:
    pid = lock.read_holder(task.folder / LOCK)
    assert pid is not None
    return psutil.Process(pid)


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.usefixtures("dispatcher")
def test_a_job_runs_to_its_end_in_a_session_of_its_own(jobs: JobStore) -> None:
    task = submitted(jobs)
    until(has_window(task))
    worker = worker_of(task)
    assert os.getsid(worker.pid) == worker.pid != os.getsid(0)
    until(is_in(jobs, task, State.FINISHED))
    records = history.read_records(task.folder)
    queued = Stage(StageName.QUEUED, "Waiting for its turn")
    assert [record.event for record in records] == [queued, STARTING, *script(task.plan)]
    until(lambda: is_gone(worker))


@pytest.mark.usefixtures("dispatcher")
def test_the_next_one_starts_when_one_ends(jobs: JobStore) -> None:
    tasks = [submitted(jobs) for _ in range(3)]
    for task in tasks:
        until(is_in(jobs, task, State.FINISHED))
    check_one_after_the_other(tasks)


def check_one_after_the_other(tasks: list[Task]) -> None:
    """Each was started once, and no two were at work at the same time."""
    spans = []
    for task in tasks:
        records = history.read_records(task.folder)
        (start,) = (record.time for record in records if record.event == STARTING)
        spans.append((start, records[-1].time))
    spans.sort()
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False)), spans


@pytest.mark.usefixtures("dispatcher")
def test_a_draft_does_not_wait_for_a_final_video(jobs: JobStore) -> None:
    video, draft = submitted(jobs, quality="fast"), submitted(jobs)
    until(lambda: jobs.read_state(video.folder) is jobs.read_state(draft.folder) is State.RUNNING)


@pytest.mark.usefixtures("dispatcher")
def test_a_cancel_reaches_the_worker(jobs: JobStore) -> None:
    task = submitted(jobs)
    until(has_window(task))
    jobs.cancel(task.folder)
    until(is_in(jobs, task, State.CANCELLED))
    newest = history.read_last(task.folder)
    assert newest and newest.event == Cancelled(task.plan.new_frames(0).stop, "result.mp4")


@pytest.mark.usefixtures("dispatcher")
@pytest.mark.holds("making, draft", "kill", "*Interrupted*; it can go on or start again")
def test_a_worker_that_is_killed_leaves_an_interrupted_job_that_goes_on(jobs: JobStore) -> None:
    task = submitted(jobs)
    until(has_window(task))
    worker_of(task).send_signal(signal.SIGKILL)
    until(is_in(jobs, task, State.INTERRUPTED))
    before = history.read_records(task.folder)
    with (task.folder / history.EVENTS).open("ab") as file:
        file.write(b'{"seq": 99, "ti')  # the power went while a line was written
    assert jobs.read_state(task.folder) is State.INTERRUPTED
    jobs.resume(task.folder)
    until(is_in(jobs, task, State.FINISHED))
    after = history.read_records(task.folder)
    assert after[: len(before)] == before
    assert [record.seq for record in after] == list(range(len(after)))
    assert windows(task) == [0, 1]


@pytest.mark.usefixtures("dispatcher")
def test_a_job_that_starts_again_forgets_what_it_was(jobs: JobStore) -> None:
    task = submitted(jobs)
    until(lambda: (task.folder / "windows" / "000.mp4").exists())
    jobs.cancel(task.folder)
    until(is_in(jobs, task, State.CANCELLED))
    assert (task.folder / "result.mp4").exists()
    jobs.restart(task.folder)
    assert not (task.folder / "result.mp4").exists()
    until(is_in(jobs, task, State.FINISHED))
    assert windows(task) == [0, 1]
    assert (task.folder / "result.mp4").exists()


@pytest.mark.usefixtures("dispatcher")
def test_a_job_that_is_deleted_at_work_leaves_nothing(
    jobs: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_PAUSE_S", "600")  # it won't end by itself
    task = submitted(jobs)
    until(lambda: len(history.read_records(task.folder)) == 2)
    worker = worker_of(task)
    jobs.delete(task.folder)
    assert list((tmp_path / "jobs").iterdir()) == []
    until(lambda: is_gone(worker))
    assert list((tmp_path / "jobs").iterdir()) == []
    monkeypatch.setenv("SCRIPTED_PAUSE_S", "0")
    after = submitted(jobs)
    until(is_in(jobs, after, State.FINISHED))
    assert list((tmp_path / "jobs").iterdir()) == [after.folder]


@pytest.mark.usefixtures("dispatcher")
def test_a_worker_that_can_t_start_is_started_once(
    jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "WORKER", "no.such.module")
    broken = submitted(jobs)
    until(is_in(jobs, broken, State.INTERRUPTED))
    monkeypatch.setattr(queue, "WORKER", "tests.support.scripted_engine")
    task = submitted(jobs)
    until(is_in(jobs, task, State.FINISHED))
    assert (broken.folder / LOG).read_text().count("No module named") == 1
    assert jobs.read_state(broken.folder) is State.INTERRUPTED


@pytest.mark.holds("queue", "full disk", "logged; jobs wait and are started later")
@pytest.mark.holds("queue", "read-only", "logged; jobs wait and are started later")
def test_a_queue_that_stumbles_goes_on(
    jobs: JobStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    starts = jobs.start_due
    stumbles = iter([OSError("the disk is full")])

    def start_due(launch: process.Launcher) -> list[process.WorkerProcess]:
        for error in stumbles:
            raise error
        return starts(launch)

    monkeypatch.setattr(jobs, "start_due", start_due)
    task = submitted(jobs)
    with running(jobs):
        until(is_in(jobs, task, State.FINISHED))
    assert "the disk is full" in caplog.text


def test_old_jobs_go_when_a_server_starts(jobs: JobStore) -> None:
    old, new = submitted(jobs), submitted(jobs)
    for task in (old, new):
        jobs.cancel(task.folder)
    (old.folder / job_state.SUBMITTED).write_text("1")  # 1970
    with running(jobs):
        until(lambda: not old.folder.exists())
    assert new.folder.exists()


@pytest.mark.holds("queue", "two servers", "they share it; each job runs once")
def test_two_servers_share_a_queue(jobs: JobStore, tmp_path: Path) -> None:
    tasks = [submitted(jobs, owner) for owner in ("ada", "bob") for _ in range(2)]
    with server(tmp_path), server(tmp_path):
        for task in tasks:
            until(is_in(jobs, task, State.FINISHED))
    check_one_after_the_other(tasks)


@pytest.mark.holds("queue", "kill", "the next server takes up the queue")
def test_a_job_outlives_its_server_and_the_next_one_takes_up_the_queue(
    jobs: JobStore, tmp_path: Path
) -> None:
    first, second = submitted(jobs), submitted(jobs)
    with server(tmp_path) as process:
        until(has_window(first))
        process.kill()
    assert jobs.read_state(first.folder) is State.RUNNING
    until(is_in(jobs, first, State.FINISHED))
    newest = history.read_last(first.folder)
    assert newest and isinstance(newest.event, Finished)
    assert jobs.read_state(second.folder) is State.QUEUED
    with server(tmp_path):
        until(is_in(jobs, second, State.FINISHED))
    check_one_after_the_other([first, second])


def test_closing_starts_no_more_and_ends_nothing(jobs: JobStore) -> None:
    first, second = submitted(jobs), submitted(jobs)
    with running(jobs):
        until(has_window(first))
    until(is_in(jobs, first, State.FINISHED))
    assert jobs.read_state(second.folder) is State.QUEUED
