"""A small file that asks for much gets no more than its limits, and one sentence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.media.ingest import RECORDING_OPERATION
from inference.media.sandbox.runner import DIRECT, Budget, Call, TookTooLong
from tests.hostile.bombs import PICTURES, RECORDINGS
from tests.hostile.forks import Forks
from tests.hostile.fuzz import give
from tests.hostile.hanging import write_hanging


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_asks_for_much(name: str, forks: Forks, tmp_path: Path) -> None:
    make, becomes = PICTURES[name]
    path = tmp_path / name
    path.write_bytes(make())
    assert give(path, forks, cpu_s=2) == becomes


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_that_asks_for_much(name: str, forks: Forks, tmp_path: Path) -> None:
    make, becomes = RECORDINGS[name]
    assert give(make(tmp_path / name), forks, cpu_s=2) == becomes


def test_the_hanging_recording_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    operation = replace(RECORDING_OPERATION, budget=Budget(cpu_s=2, wall_s=60))
    path, target = write_hanging(tmp_path / "a.mov"), tmp_path / "clean.wav"
    with pytest.raises(TookTooLong, match="takes too long to open"):
        DIRECT.run(Call(operation, path, target))
    assert [*tmp_path.iterdir()] == [path]
