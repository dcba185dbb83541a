"""A job's folder, room in the queue, and whose turn it is; more in
`tests.jobs.test_store_machine`."""

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.core.errors import Fault, FaultCode
from inference.core.events import Finished
from inference.core.settings import Settings
from inference.jobs import history
from inference.jobs.store import JobStore
from tests.support.played_jobs import PLANS, Workers, new_task
from tests.support.scripted_engine import result


@pytest.fixture
def jobs(tmp_path: Path) -> JobStore:
    return JobStore(Settings(tmp_path / "data"))


def test_a_new_job_is_private_and_unguessable(jobs: JobStore, tmp_path: Path) -> None:
    folders = [jobs.create("ada") for _ in range(20)]
    assert len(set(folders)) == 20
    for folder in folders:
        assert jobs.find_folder(folder.name) == folder
        assert folder.parent == tmp_path / "data" / "jobs"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert jobs.read_owner(folder) == "ada"
    assert jobs.list_owned("ada") == []  # nothing was submitted


@pytest.mark.parametrize("job", ["", ".", "..", "../jobs", "A" * 32, "0" * 31, "0" * 32, "0" * 33])
def test_what_is_no_job_has_no_folder(jobs: JobStore, job: str) -> None:
    jobs.create("ada")
    assert jobs.find_folder(job) is None


@pytest.mark.parametrize(
    ("own", "others", "message"),
    [
        (1, 0, "One of your videos is waiting already. Wait for it, or stop it."),
        (5, 0, "Five of your videos are waiting already. Wait for one, or stop one."),
        (12, 0, "12 of your videos are waiting already. Wait for one, or stop one."),
        (0, 3, "The queue is full (3 waiting). Try again in a few minutes."),
    ],
)
def test_a_full_queue_is_a_sentence(tmp_path: Path, own: int, others: int, message: str) -> None:
    jobs = JobStore(Settings(tmp_path, queue=others or 50, queue_per_person=own or 5))
    for owner in ["ada"] * own + ["bob"] * others:
        jobs.submit(new_task(jobs, owner))
    with pytest.raises(Fault) as raised:
        jobs.submit(new_task(jobs, "ada"))
    assert (raised.value.code, raised.value.message) == (FaultCode.QUEUE_FULL, message)


def test_many_at_once_do_not_get_more_room_than_there_is(tmp_path: Path) -> None:
    servers = [JobStore(Settings(tmp_path, queue_per_person=3)) for _ in range(2)]
    tasks = [new_task(servers[0], "ada") for _ in range(8)]
    refused: list[Fault] = []

    def submit(number: int) -> None:
        try:
            servers[number % 2].submit(tasks[number])
        except Fault as fault:
            refused.append(fault)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert sorted(servers[0].find_place(f) or 0 for f in servers[0].list_owned("ada")) == [1, 2, 3]


def test_a_job_that_can_t_be_saved_is_not_in_the_queue(jobs: JobStore) -> None:
    task = new_task(jobs, "ada")
    (task.folder / history.EVENTS).mkdir()  # stands for a disk that takes no more
    with pytest.raises(OSError):
        jobs.submit(task)
    assert jobs.list_owned("ada") == []
    assert jobs.start_due(Workers().launch) == []


def test_what_an_earlier_deletion_left_is_swept_away(jobs: JobStore) -> None:
    task = new_task(jobs, "ada")
    jobs.submit(task)
    left = task.folder.rename(task.folder.with_suffix(".deleted"))
    jobs.sweep(datetime.now(UTC))
    assert not left.exists()


def test_a_job_that_was_never_submitted_is_kept_as_long_as_others(jobs: JobStore) -> None:
    folder = jobs.create("ada")
    jobs.sweep(datetime.now(UTC) + timedelta(days=6))
    assert folder.exists()
    jobs.sweep(datetime.now(UTC) + timedelta(days=8))
    assert not folder.exists()


@pytest.mark.holds("queue", "torn file", "the others go on")
def test_a_broken_job_does_not_stop_the_others(jobs: JobStore) -> None:
    broken, sound = new_task(jobs, "ada"), new_task(jobs, "bob", "fast")
    for task in (broken, sound):
        jobs.submit(task)
    (broken.folder / "plan.json").write_text("{")
    workers = Workers()
    jobs.start_due(workers.launch)
    assert {worker.folder for worker in workers.played} == {broken.folder, sound.folder}
    for worker in workers.played:
        worker.end()


def test_whoever_has_a_job_at_work_waits_behind_whoever_has_none(tmp_path: Path) -> None:
    jobs, workers = JobStore(Settings(tmp_path, running=2)), Workers()
    for owner in ("ada", "bob"):  # ada was served first, but hers lasts
        jobs.submit(new_task(jobs, owner))
        jobs.start_due(workers.launch)
    workers.played[1].end(Finished(result(PLANS["draft"])))
    hers, his = new_task(jobs, "ada"), new_task(jobs, "bob")
    for task in (hers, his):
        jobs.submit(task)
    assert (jobs.find_place(his.folder), jobs.find_place(hers.folder)) == (1, 2)
    jobs.start_due(workers.launch)
    assert workers.played[-1].folder == his.folder
    for worker in workers.played:
        if worker.alive:
            worker.end()


def test_whoever_deletes_what_was_started_is_not_the_next_one_again(tmp_path: Path) -> None:
    workers = Workers()
    jobs = JobStore(Settings(data=tmp_path), workers.end)
    first = new_task(jobs, "restless")
    jobs.submit(first)
    jobs.start_due(workers.launch)
    patient = new_task(jobs, "patient")
    jobs.submit(patient)
    jobs.delete(first.folder)
    jobs.submit(new_task(jobs, "restless"))
    jobs.start_due(workers.launch)
    assert workers.played[-1].folder == patient.folder
