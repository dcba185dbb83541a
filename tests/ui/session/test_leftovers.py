"""What a killed server leaves goes when one starts, and nothing that another one works on."""

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.core.settings import ROOT, Settings
from inference.core.task import Task
from tests.support.people import ME, YOU, Person, files
from tests.support.played_jobs import PLANS, REQUESTS, Workers, new_task
from ui.session.session import Session
from ui.session.store import SessionStore

# a server in the middle of several things
BUSY = """
import asyncio, pathlib, sys
from inference.core import files
from inference.core.settings import Settings
from inference.jobs.store import JobStore
from ui.media.uploads import UploadKind, UploadStore
from ui.session.store import SessionStore
data = pathlib.Path(sys.argv[1])
jobs, desks, uploads = JobStore(Settings(data)), SessionStore(data), UploadStore(data)

async def chunks():
    yield b"half a picture"
    with jobs.prepare("a" * 64) as folder, desks.make_scratch_folder() as scratch:
        (folder / "given-image").write_text("half")
        (scratch / "clean.png").write_text("half")
        files.os.fsync = lambda file: (print("busy", flush=True), sys.stdin.read())
        files.write_whole(desks.make_folder("a" * 64) / "desk.json", "half a session")

asyncio.run(uploads.receive("a" * 64, UploadKind.PICTURE, chunks()))
"""


@contextmanager
def busy_server(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, str(data)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout and process.stdout.readline() == b"busy\n"
            yield process
        finally:
            process.kill()


@pytest.mark.holds("upload", "kill", "half a file goes when the next server starts")
def test_leftovers_of_a_killed_server_go_and_the_work_of_a_living_one_stays(tmp_path: Path) -> None:
    you = Person(Settings(tmp_path), YOU)
    you.jobs.submit(new_task(you.jobs, YOU))
    kept = files(tmp_path)
    with busy_server(tmp_path):
        before = files(tmp_path)
        assert {Path(name).parts[0] for name in before - kept} == {"jobs", "desks", "uploads"}
        you.sweep(None)
        assert files(tmp_path) == before
    you.sweep(None)
    assert files(tmp_path) == kept
    assert {path.name for path in (tmp_path / "desks").iterdir()} == {ME}


@pytest.mark.parametrize("named", [True, False])
def test_a_job_that_a_session_will_submit_stays(tmp_path: Path, named: bool) -> None:
    me = Person(Settings(tmp_path), ME)
    task = Task(REQUESTS["draft"], PLANS["draft"], me.jobs.create(ME))
    SessionStore(tmp_path).save(ME, Session(draft=task.folder.name if named else None))
    me.sweep(None)
    assert task.folder.exists() is named


def test_half_written_files_of_the_code_before_go(tmp_path: Path) -> None:
    desks = SessionStore(tmp_path)
    desks.save(ME, Session())
    (desks.make_folder(ME) / "desk.json.part").write_text("{")
    (tmp_path / "desks" / "tmpabc").mkdir()
    me = Person(Settings(tmp_path), ME)
    task = new_task(me.jobs, ME)
    me.jobs.submit(task)
    kept = files(tmp_path)
    (task.folder / "windows").mkdir()
    for part in ("result.mp4.part", "windows/000.part"):
        (task.folder / part).write_text("half")
    (tmp_path / "pace.json.part").write_text("{")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "0").touch()
    me.jobs.sweep(None)
    assert files(tmp_path) == kept
    desks.delete_leftovers()
    assert os.listdir(tmp_path / "desks") == [ME]
    assert os.listdir(desks.make_folder(ME)) == ["desk.json"]


def test_a_folder_on_nfs_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock

    def lock_as_nfs(descriptor: int, kind: int) -> None:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if kind & fcntl.LOCK_EX and mode == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, kind)

    monkeypatch.setattr("fcntl.flock", lock_as_nfs)
    me, desks = Person(Settings(tmp_path), ME), SessionStore(tmp_path)
    with me.jobs.prepare(ME) as folder, desks.make_scratch_folder() as scratch:
        me.jobs.sweep(None)
        me.sweep(None)
        assert folder.exists() and scratch.exists()
    me.sweep(None)
    assert not folder.exists() and not scratch.exists()


@pytest.mark.holds("deleting", "two servers", "what another one writes stays")
def test_a_session_leaves_what_another_server_writes(tmp_path: Path) -> None:
    desks = SessionStore(tmp_path)
    part = desks.make_folder(ME) / f".{'0' * 16}.part"
    part.write_text("half")
    desks.save(ME, Session())
    assert part.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.holds("deleting", "read-only", "what can't be deleted is left alone and logged")
def test_files_of_another_user_stop_nobody() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o777)
        os.setresuid(65534, 65534, 0)
        try:
            me = Person(Settings(data), ME)
            old = new_task(me.jobs, ME).folder
            SessionStore(data).save(ME, Session())
            (data / "turns").mkdir()
            (data / "1.part").touch()
            os.setresuid(0, 0, 0)
            theirs = data / "desks" / YOU
            for folder_of_root in (theirs, data / "jobs" / ("0" * 32), data / "desks" / "tmp0"):
                folder_of_root.mkdir(mode=0o700)
            for file in (data / "0.part", old / "lock", data / "turns" / "draft-0"):
                file.touch(0o600)
            os.setresuid(65534, 65534, 0)
            me.jobs.sweep(None)
            me.jobs.start_due(Workers().launch)
            me.sweep(datetime.now(UTC) + timedelta(days=8))
            me.jobs.sweep(datetime.now(UTC) + timedelta(days=8))
            assert not (data / "1.part").exists() and not (data / "desks" / ME).exists()
            assert me.pulse() and theirs.exists()
        finally:
            os.setresuid(0, 0, 0)
