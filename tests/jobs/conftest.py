"""A job's folder, and its lock."""

from pathlib import Path

import pytest

from inference.core.task import Task
from inference.jobs import lock
from inference.jobs.state import LOCK


@pytest.fixture
def folder(task: Task) -> Path:
    """The folder of a job that was saved."""
    task.save()
    return task.folder


def take_lock(folder: Path) -> int:
    """Take the job's lock, and return its descriptor."""
    descriptor = lock.acquire(folder / LOCK)
    assert descriptor is not None
    return descriptor
