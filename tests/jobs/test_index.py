"""What the many finished jobs cost: nothing, as long as nobody looks at them."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.core.events import Finished
from inference.core.settings import Settings
from inference.jobs import history
from inference.jobs.store import JobStore, State
from tests.support.people import ME, YOU, Person
from tests.support.played_jobs import PLANS, Workers, new_task
from tests.support.scripted_engine import result

_counts: list[str] = []
_LOOKS = {"open", "os.scandir", "os.listdir"}
_is_counting = False


def _count(event: str, _: object) -> None:
    if _is_counting and event in _LOOKS:
        _counts.append(event)


@contextmanager
def counting() -> Iterator[list[str]]:
    """Yield a list that gets every look at a file or folder."""
    global _is_counting
    _counts.clear()
    _is_counting = True
    try:
        yield _counts
    finally:
        _is_counting = False


@pytest.fixture(scope="module", autouse=True)
def hook() -> None:
    sys.addaudithook(_count)  # for the rest of the process


def finish(jobs: JobStore, owner: str, count: int = 1) -> list[Path]:
    """Finished jobs of `owner`."""
    task = new_task(jobs, owner)
    jobs.submit(task)
    (task.folder / "waiting").unlink()
    (task.folder / "lock").touch()
    (task.folder / "name.txt").write_text("Ada")
    history.HistoryWriter(task.folder).append(Finished(result(PLANS["draft"])))
    folders = [task.folder]
    for _ in range(count - 1):
        folders.append(
            Path(shutil.copytree(task.folder, task.folder.parent / secrets.token_hex(16)))
        )
    return folders


@pytest.mark.parametrize("owner", [ME, YOU])
def test_finished_jobs_cost_no_look(tmp_path: Path, owner: str) -> None:
    looks = []
    for count in (20, 200):
        data = tmp_path / str(count)
        me = Person(Settings(data), ME)
        finish(me.jobs, owner, count)
        waiting = new_task(me.jobs, ME)
        me.jobs.submit(waiting)
        os.utime(data / "jobs", (1, 1))  # no job came for a while
        me.do("refresh")
        for _ in range(2):
            me.jobs.find_place(waiting.folder)
            me.pulse()
        with counting() as counted:
            for _ in range(3):
                me.pulse()
                me.do("refresh")
                me.jobs.find_place(waiting.folder)
        looks.append(len(counted))
        me.jobs.cancel(waiting.folder)
        with counting() as counted:
            me.jobs.start_due(Workers().launch)
        looks[-1] += len(counted)
    assert looks[0] == looks[1]


def test_servers_see_each_other_s_jobs(tmp_path: Path) -> None:
    one, two = (Person(Settings(tmp_path), ME) for _ in range(2))
    first, second = finish(one.jobs, ME, 2)
    for person in (one, two):
        assert set(person.jobs.list_owned(ME)) == {first, second}
        person.jobs.start_due(Workers().launch)
        assert person.jobs.count_owned(ME) == person.jobs.index.count_finished(ME) == 2
    (third,) = finish(one.jobs, ME)
    assert two.jobs.list_owned(ME)[0] == third
    pulse = two.pulse()
    one.jobs.delete(first)
    assert two.pulse() != pulse
    assert set(two.jobs.list_owned(ME)) == {second, third}
    assert two.jobs.read_owner(first) == ""


def test_a_finished_job_is_read_anew_while_it_is_worked_on(tmp_path: Path) -> None:
    jobs = JobStore(Settings(tmp_path, bucket="b"))
    (folder,) = finish(jobs, ME)
    jobs.start_due(Workers().launch)
    assert jobs.index.count_finished(ME) == 1
    (folder / history.EVENTS).write_bytes(b"")  # nobody looks
    assert jobs.list_owned(ME) == [folder]
    assert jobs.read_state(folder) is State.INTERRUPTED


def test_a_folder_whose_time_says_nothing_is_listed_each_time(tmp_path: Path) -> None:
    jobs = JobStore(Settings(tmp_path, on_modal=True))
    (first,) = finish(jobs, ME)
    os.utime(tmp_path / "jobs", (1, 1))
    assert jobs.list_owned(ME) == [first]
    (second,) = finish(jobs, ME)
    os.utime(tmp_path / "jobs", (1, 1))
    assert set(jobs.list_owned(ME)) == {first, second}
