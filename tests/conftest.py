"""What several test files need."""

from pathlib import Path

import pytest

from inference.plan import make_plan
from inference.request import Box, Face, Picture, Recording, Request
from inference.task import Task

FOUR_SECONDS = Recording(samples=4 * 48_000, channels=1, peak_dbfs=-3.0, level_dbfs=-20.0)
ONE_PERSON = Picture(512, 512, (Face(Box(170, 75, 280, 195), score=0.9),))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task of 101 frames in two windows, without its media."""
    request = Request(ONE_PERSON, (FOUR_SECONDS,))
    folder = tmp_path / "task"
    folder.mkdir()
    return Task(request, make_plan(request, max_seconds=40), folder)
