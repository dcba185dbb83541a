"""Jobs that are made elsewhere: followed again by the next server, forgotten when deleted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.cloud.remote_handle import RemoteHandle, read_handles, write_handle
from inference.core.settings import Settings
from inference.core.task import PREVIOUS_REMOTE, PUBLISHED, REMOTE, Task
from inference.jobs.history import HistoryWriter
from inference.jobs.queue import Dispatcher
from inference.jobs.store import JobStore, State
from inference.jobs.worker import STARTING
from inference.storage.publication import Publication, write_publication

OWNER = "a" * 64


class Forgetting:
    """Notes what it should forget, and does it when told to."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.kept: list[list[str]] = []

    def __call__(self, folder: Path) -> None:
        self.folders.append(folder)
        self.kept.append(sorted(path.name for path in folder.iterdir()))


@pytest.fixture
def forgetting() -> Forgetting:
    return Forgetting()


@pytest.fixture
def jobs(settings: Settings, forgetting: Forgetting) -> JobStore:
    return JobStore(settings, clean_up=forgetting)


@pytest.fixture
def left(jobs: JobStore, task: Task) -> Path:
    """A job whose follower went down with its server."""
    folder = jobs.create(OWNER)
    jobs.submit(Task(task.request, task.plan, folder))
    (folder / "waiting").unlink()
    HistoryWriter(folder).append(STARTING)
    write_handle(folder, RemoteHandle(folder.name, "fc-1", seen=3))
    assert jobs.read_state(folder) is State.INTERRUPTED
    return folder


def test_the_next_server_follows_it_again(jobs: JobStore, left: Path) -> None:
    jobs.resume_remote()
    assert jobs.read_state(left) is State.QUEUED and jobs.due.is_set()
    assert read_handles(left) == [RemoteHandle(left.name, "fc-1", seen=3)]


def test_a_server_does_so_when_it_starts(jobs: JobStore, left: Path) -> None:
    dispatcher = Dispatcher(jobs)
    dispatcher.start()
    dispatcher.close()
    assert jobs.read_state(left) is not State.INTERRUPTED


def test_what_is_made_here_stays_interrupted(jobs: JobStore, left: Path) -> None:
    (left / REMOTE).unlink()
    jobs.resume_remote()
    assert jobs.read_state(left) is State.INTERRUPTED


def test_a_deleted_job_is_forgotten_there_and_gone_here(
    jobs: JobStore, left: Path, forgetting: Forgetting
) -> None:
    jobs.delete(left)
    assert jobs.find_folder(left.name) is None and jobs.list_owned(OWNER) == []
    assert forgetting.kept == [[REMOTE]]


def test_so_is_what_was_published(jobs: JobStore, left: Path, forgetting: Forgetting) -> None:
    (left / REMOTE).unlink()
    write_publication(left, Publication("bucket", ("home/video.mp4",), "https://link"))
    jobs.sweep(datetime.now(UTC) + timedelta(days=8))
    assert jobs.find_folder(left.name) is None
    assert forgetting.kept == [[PUBLISHED]]


@pytest.mark.holds("deleting", "kill", "what Modal still holds is tried again")
def test_what_could_not_be_forgotten_is_tried_again(
    jobs: JobStore, left: Path, forgetting: Forgetting
) -> None:
    jobs.delete(left)
    jobs.sweep(datetime.now(UTC))
    assert forgetting.folders[0] == forgetting.folders[1]


def test_started_again_it_knows_what_to_give_up(jobs: JobStore, left: Path) -> None:
    jobs.restart(left)
    assert not (left / REMOTE).exists() and (left / PREVIOUS_REMOTE).exists()
    assert jobs.read_state(left) is State.QUEUED
    assert read_handles(left) == [RemoteHandle(left.name, "fc-1", seen=3)]


def test_going_on_keeps_the_mark(jobs: JobStore, left: Path) -> None:
    jobs.resume(left)
    assert (left / REMOTE).exists() and not (left / PREVIOUS_REMOTE).exists()
