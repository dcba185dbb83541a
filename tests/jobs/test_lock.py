"""A lock is one process's, and ends with it."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from inference.core import files, processes
from inference.core.settings import ROOT
from inference.jobs import lock

HOLD = "import time; print('ready', flush=True); time.sleep(600)"
# holds the lock that it was given, starts a child that outlives it, and ends
LEAVE_A_CHILD = (
    "import pathlib, subprocess, sys; from inference.jobs import lock;"
    "assert lock.acquire_inherited(pathlib.Path(sys.argv[1])) is not None;"
    "assert sys.stdin.read() == '';"
    "child = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL); print(child.pid);"
    "child.returncode = 0"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_one_at_a_time(path: Path) -> None:
    assert not lock.is_held(path)
    first = lock.acquire(path)
    assert first is not None
    assert lock.is_held(path)
    assert lock.acquire(path) is None
    os.close(first)
    assert not lock.is_held(path)
    second = lock.acquire(path)
    assert second is not None
    os.close(second)


@pytest.mark.holds("making, MultiTalk", "two servers", "a lock lets one work on a job")
def test_a_process_that_was_given_it_holds_it_till_it_ends(path: Path) -> None:
    descriptor = lock.acquire(path)
    assert descriptor is not None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=descriptor, stdout=subprocess.PIPE
    ) as process:
        os.close(descriptor)
        assert process.stdout and process.stdout.readline() == b"ready\n"
        assert lock.is_held(path)
        process.kill()
    assert not lock.is_held(path)


def test_a_child_of_the_holder_does_not_keep_it(path: Path) -> None:
    descriptor = lock.acquire(path)
    assert descriptor is not None
    done = subprocess.run(
        [sys.executable, "-c", LEAVE_A_CHILD, str(path)],
        cwd=ROOT,
        stdin=descriptor,
        stdout=subprocess.PIPE,
        check=True,
    )
    os.close(descriptor)
    child = psutil.Process(int(done.stdout))
    try:
        assert child.name() == "sleep"
        assert not lock.is_held(path)
    finally:
        child.kill()


def test_another_file_as_standard_input_is_no_lock(path: Path, tmp_path: Path) -> None:
    path.touch()
    (tmp_path / "other").touch()
    code = (
        "import pathlib, sys; from inference.jobs import lock;"
        "print(lock.acquire_inherited(pathlib.Path(sys.argv[1])))"
    )
    with (tmp_path / "other").open() as other:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            cwd=ROOT,
            stdin=other,
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == "None\n"


def test_looking_does_not_keep_others_from_taking_it(path: Path) -> None:
    path.touch()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            lock.is_held(path)

    looking = [threading.Thread(target=look) for _ in range(3)]
    for thread in looking:
        thread.start()
    try:
        for _ in range(30):
            descriptor = lock.acquire(path)
            assert descriptor is not None
            os.close(descriptor)
    finally:
        stop.set()
        for thread in looking:
            thread.join()


def test_who_waits_to_be_alone_comes_next(path: Path) -> None:
    came: list[str] = []

    def second() -> None:
        with lock.hold(path):
            came.append("second")

    thread = threading.Thread(target=second)
    with lock.hold(path):
        thread.start()
        came.append("first")
    thread.join()
    assert came == ["first", "second"]


def test_a_file_that_was_just_opened_is_no_leftover(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    swept: list[int] = []

    def lock_late(file: object, kind: int) -> None:
        if not swept:
            swept.append(kind)
            lock.delete_unheld(path.parent)
        flock(file, kind)  # type: ignore[arg-type]

    monkeypatch.setattr("fcntl.flock", lock_late)
    files.write_whole(path, "whole")
    assert swept and path.read_text() == "whole" and os.listdir(path.parent) == ["lock"]


def test_it_says_who_holds_it(path: Path) -> None:
    assert lock.read_holder(path) is None
    descriptor = lock.acquire(path)
    assert descriptor is not None
    assert lock.read_holder(path) is None
    for pid in (123456, 78):
        lock.write_holder(descriptor, pid)
        assert lock.read_holder(path) == pid
    os.close(descriptor)


@pytest.mark.parametrize("pid", ["", "0", "-1", "1 2", "9" * 30, "\xb2", "four"])
def test_an_id_that_is_none_is_not_read(path: Path, pid: str) -> None:
    path.write_text(pid)
    assert lock.read_holder(path) is None


def test_a_damaged_id_ends_no_other_process(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"ready\n"
        processes.kill_worker(other.pid, path.parent)
        assert other.poll() is None
        other.kill()
    command = [sys.executable, "-c", HOLD, str(path.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
        assert worker.stdout and worker.stdout.readline() == b"ready\n"
        processes.kill_worker(worker.pid, path.parent)
        assert worker.wait() < 0
