"""Hostile code in a draft's process reaches nothing but what it makes in its job's folder.

As a module of its own, this is that process, with an engine that is hostile.
"""

import errno
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from inference.core.confinement.confine import can_confine, find_support
from inference.core.events import Cancelled, Event, Failed, Finished, Frame, Result, Window
from inference.core.task import PREVIEW, Task
from inference.jobs import confined
from tests.support.scripted_engine import ScriptedEngine

RESULT = Result("result.mp4", 10, 0.4, 64, 64, 25, "draft", 1.0, "report.json")
LIMITS = {"any time": resource.RLIMIT_CPU, "files of any size": resource.RLIMIT_FSIZE}


class Hostile(ScriptedEngine):
    """Engine that tells what it reached, and how many threads it has."""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        own, job, server = task.folder, task.folder.parent, os.getppid()
        data = job.parent.parent
        (own / "a").write_text("mine")
        (own / "a").rename(own / "b")
        (own / "folder").mkdir()
        theirs = data / "jobs" / "theirs" / "result.mp4"
        attempts: dict[str, Callable[[], object]] = {
            "key": partial((data / "page.key").read_bytes),
            "theirs": partial(theirs.read_bytes),
            "their folder": partial(theirs.with_name("new").touch),
            "deleting theirs": partial(theirs.unlink),
            "moving theirs": partial(theirs.rename, own / "stolen"),
            "pace": partial((data / "pace.json").write_text, "{}"),
            "environment": partial(Path(f"/proc/{server}/environ").read_bytes),
            "memory": partial(Path(f"/proc/{server}/mem").open, "rb"),
            "code": partial(Path(confined.__file__).open, "ab"),
            "symlink": partial((own / "link").symlink_to, data / "page.key"),
            "socket": socket.socket,
            "program": partial(subprocess.run, [sys.executable, "--version"]),
            "signal": partial(os.kill, server, 0),
        }
        for name in ("owner", "events.jsonl", "published.json", "remote.json", "request.json"):
            attempts[f"writing {name}"] = partial((job / name).write_text, "{}")
            attempts[f"putting {name}"] = partial((own / "b").rename, job / name)
        reached = []
        for name, attempt in attempts.items():
            try:
                attempt()
            except OSError as error:
                if error.errno in (errno.EPERM, errno.EACCES, errno.EXDEV):
                    continue
            reached.append(name)
        reached += [name for name in os.environ if "SECRET" in name]
        threading.Thread(target=time.sleep, args=(600,)).start()
        reached += [name for name, kind in LIMITS.items() if resource.getrlimit(kind)[1] < 0]
        yield Failed("internal", str(len(os.listdir(own))), json.dumps(reached))


@pytest.mark.skipif(not find_support().is_whole, reason="no Landlock or no seccomp here")
def test_an_engine_reaches_its_folder_and_nothing_else(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_TEST", "1")
    mine = Task(task.request, task.plan, tmp_path / "jobs" / "mine")
    for folder in (mine.folder, tmp_path / "jobs" / "theirs"):
        folder.mkdir(parents=True)
    (tmp_path / "page.key").write_text("secret")
    (tmp_path / "jobs" / "theirs" / "result.mp4").write_text("secret")
    mine.save()
    process = confined.ConfinedProcess("tests.jobs.test_confined")
    process._process.kill()  # while it waits: another one makes the draft
    process._process.wait()
    (told,) = process.produce(mine)
    assert isinstance(told, Failed) and json.loads(told.details) == []
    left = {path.name for path in mine.folder.iterdir()}
    assert left == {"request.json", "plan.json", "frames", "windows", "growing"}


@pytest.mark.parametrize(
    "event",
    [
        Finished(replace(RESULT, path="../theirs/result.mp4")),
        Finished(replace(RESULT, report="../theirs/report.json")),
        Cancelled(1, "/etc/passwd"),
        Window(0, "windows/../owner", 10),
        Window(99, "windows/099.mp4", 10),
        Frame("owner"),
    ],
)
def test_no_event_names_the_files_of_others(event: Event, task: Task) -> None:
    with pytest.raises(ValueError, match="named others' files"):
        confined._check_paths(event, task)


def test_events_of_a_draft_name_its_own_files(task: Task) -> None:
    own = (Finished(RESULT), Cancelled(0), Window(1, "windows/001.mp4", 10), Frame(PREVIEW))
    for event in own:
        confined._check_paths(event, task)


@pytest.mark.skipif(not can_confine(), reason="nothing is confined here")
def test_a_process_that_no_draft_came_for_ends() -> None:
    spare = confined.ConfinedProcess()
    spare.close()
    assert spare._process.wait(60) == 0
    assert spare._process.stdout
    spare._process.stdout.close()


if __name__ == "__main__":
    confined.main(lambda name: Hostile())
