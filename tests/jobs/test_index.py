"""What the many jobs that ended cost: nothing, as long as nobody looks at them."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.core.errors import FaultCode
from inference.core.events import Cancelled, Event, Failed, Finished
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


FINISHED = Finished(result(PLANS["draft"]))
ENDS = [FINISHED, Failed(FaultCode.INTERNAL, "Broken."), Cancelled(0), None]


def finish(jobs: JobStore, owner: str, count: int = 1, end: Event | None = FINISHED) -> list[Path]:
    """Jobs of `owner` with that last event; None: it was killed."""
    task = new_task(jobs, owner)
    jobs.submit(task)
    (task.folder / "waiting").unlink()
    (task.folder / "lock").touch()
    (task.folder / "name.txt").write_text("Ada")
    if end:
        history.HistoryWriter(task.folder).append(end)
    folders = [task.folder]
    for _ in range(count - 1):
        folders.append(
            Path(shutil.copytree(task.folder, task.folder.parent / secrets.token_hex(16)))
        )
    return folders


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("owner", [ME, YOU])
def test_jobs_that_ended_cost_no_look(tmp_path: Path, owner: str, end: Event | None) -> None:
    looks = []
    for count in (20, 200):
        data = tmp_path / str(count)
        me = Person(Settings(data), ME)
        finish(me.jobs, owner, count, end)
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
        assert person.jobs.count_owned(ME) == person.jobs.index.count_ended(ME) == 2
    (third,) = finish(one.jobs, ME)
    assert two.jobs.list_owned(ME)[0] == third
    pulse = two.pulse()
    one.jobs.delete(first)
    assert two.pulse() != pulse
    assert set(two.jobs.list_owned(ME)) == {second, third}
    assert two.jobs.read_owner(first) == ""


@pytest.mark.parametrize("end", ENDS[1:])
def test_a_job_that_another_server_queues_again_is_seen(tmp_path: Path, end: Event | None) -> None:
    one, two = (Person(Settings(tmp_path, running=9), ME) for _ in range(2))
    folder, other = finish(one.jobs, ME, 2, end)
    os.utime(tmp_path / "jobs", (1, 1))  # long ago
    for person in (one, two):
        person.jobs.start_due(Workers().launch)
        assert person.jobs.index.count_ended(ME) == person.jobs.count_owned(ME) == 2
    pulses, workers = [person.pulse() for person in (one, two)], Workers()
    one.jobs.resume(folder)
    assert [person.jobs.find_place(folder) for person in (one, two)] == [1, 1]
    assert one.pulse() != pulses[0] and two.pulse() != pulses[1]
    two.jobs.start_due(workers.launch)
    workers.of(folder).end(end)
    one.jobs.restart(folder)
    assert two.jobs.list_owned(ME) == [folder, other]


def test_a_finished_job_is_read_anew_while_it_is_worked_on(tmp_path: Path) -> None:
    jobs = JobStore(Settings(tmp_path, bucket="b"))
    (folder,) = finish(jobs, ME)
    jobs.start_due(Workers().launch)
    assert jobs.index.count_ended(ME) == 1
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
