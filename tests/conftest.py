"""What several test files need."""

import os

# before torch is loaded: workers that share the cores wait for each other's threads otherwise
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import queue
from inference.plan import make_plan
from inference.queue import Dispatcher
from inference.request import Box, Face, Picture, Recording, Request
from inference.settings import Settings
from inference.task import Task
from tests.people import ME, Person

FOUR_SECONDS = Recording(samples=4 * 48_000, channels=1, peak_dbfs=-3.0, level_dbfs=-20.0)
ONE_PERSON = Picture(512, 512, (Face(Box(170, 75, 280, 195), score=0.9),))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task of 101 frames in two windows, without its media."""
    request = Request(ONE_PERSON, (FOUR_SECONDS,))
    folder = tmp_path / "task"
    folder.mkdir()
    return Task(request, make_plan(request, max_seconds=40), folder)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a server with a folder of data of its own."""
    return Settings(data=tmp_path / "data", max_draft_seconds=20)


@pytest.fixture
def me(settings: Settings) -> Iterator[Person]:
    """Someone at the page of a server that starts jobs."""
    person = Person(settings)
    dispatcher = Dispatcher(person.jobs)
    dispatcher.start()
    yield person
    for folder in person.jobs.owned(ME):
        person.jobs.delete(folder)
    dispatcher.close()


@pytest.fixture
def alone(settings: Settings) -> Person:
    """Someone whose jobs wait, because nothing starts them."""
    return Person(settings)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are carried out by the scripted engine, which is quick."""
    monkeypatch.setattr(queue, "WORKER", "tests.fakes")
    monkeypatch.setenv("SCRIPTED_PAUSE_S", "0.01")
