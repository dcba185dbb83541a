"""A process that is started ahead takes the next work, and is none too many."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.core import processes

MODULE = "prepared"
SOURCE = """
import sys, time
from inference.core import processes
print("came with", sys.argv[1:], flush=True)
folder = processes.receive_folder() if sys.argv[1:] == [processes.WAIT] else sys.argv[1]
print("works on", folder, "beside", sys.stdin.read(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    job = tmp_path / "0123456789abcdef0123"
    job.mkdir()
    (job / "lock").write_text("the lock")
    yield job
    processes.kill_all()


def start(job: Path) -> tuple[int, str]:
    """Start the work; return the id of its process, and what that says to its log."""
    descriptor = os.open(job / "lock", os.O_RDONLY)
    process = processes.start(MODULE, job, descriptor, job / "log")
    os.close(descriptor)
    while not (log := job / "log").exists() or "works" not in log.read_text():
        assert process.poll() is None
    return process.pid, log.read_text()


def test_the_work_goes_to_the_process_that_was_started_ahead(folder: Path) -> None:
    processes.prepare(MODULE)
    processes.prepare(MODULE)  # one is enough
    (prepared,) = processes._running
    timer, channel = processes._spares[MODULE].timer, processes._spares[MODULE].channel
    pid, log = start(folder)
    timer.join(20)
    assert not timer.is_alive() and channel.fileno() == -1  # nothing waits for it any more
    assert pid == prepared.pid and log == f"works on {folder} beside the lock\n"
    other = folder.with_name("0123456789abcdef0124")
    processes.kill_worker(pid, other)
    assert prepared.poll() is None
    processes.kill_worker(pid, folder)
    assert prepared.wait() == -signal.SIGKILL


def test_without_one_or_when_it_died_the_work_starts_all_the_same(folder: Path) -> None:
    processes.prepare(MODULE)
    (prepared,) = processes._running
    channel = processes._spares[MODULE].channel
    prepared.kill()
    prepared.wait()
    processes.prepare(MODULE)
    assert channel.fileno() == -1
    (other,) = processes._running - {prepared}
    other.kill()
    other.wait()
    pid, log = start(folder)
    assert pid not in (prepared.pid, other.pid) and log.endswith(
        f"works on {folder} beside the lock\n"
    )


def test_it_ends_when_no_work_comes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_SPARE_S", 0.1)
    processes.prepare(MODULE)
    (prepared,) = processes._running
    assert prepared.wait(timeout=20) == 0
