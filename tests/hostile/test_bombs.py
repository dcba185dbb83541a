"""A small file that asks for much gets no more than its limits, and one sentence."""

from pathlib import Path

import pytest

from tests.hostile.bombs import PICTURES, RECORDINGS
from tests.hostile.fuzz import STOPPED, give
from tests.hostile.hanging import write_hanging


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_asks_for_much(name: str, tmp_path: Path) -> None:
    make, becomes = PICTURES[name]
    path = tmp_path / name
    path.write_bytes(make())
    assert give(path, 1 if becomes == STOPPED else 3) == becomes


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_that_asks_for_much(name: str, tmp_path: Path) -> None:
    make, becomes = RECORDINGS[name]
    assert give(make(tmp_path / name), cpu_s=3) == becomes


def test_the_hanging_recording_is_stopped(tmp_path: Path) -> None:
    assert give(write_hanging(tmp_path / "a.mov"), cpu_s=1) == STOPPED
