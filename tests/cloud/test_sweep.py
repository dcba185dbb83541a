"""Folders that nobody came back for go; what somebody may still wait for stays."""

import os
import time
from pathlib import Path

import pytest

from inference.cloud.status import StatusStore
from inference.cloud.sweep import USED_AT, sweep
from inference.core.events import Cancelled
from tests.support.local_cloud import MemoryDict

DAY_S = 24 * 60 * 60
KEEP_DAYS = 7


@pytest.fixture
def board() -> StatusStore:
    return StatusStore(MemoryDict())


def used(work: Path, job: str, days_ago: float | None) -> Path:
    """A folder with that time in it, on a Volume that knows no folder's time."""
    folder = work / job
    folder.mkdir()
    (folder / "picture.png").touch()
    if days_ago is not None:
        (folder / USED_AT).write_text(str(int(time.time() - days_ago * DAY_S)))
    os.utime(folder, (0, 0))
    return folder


def test_what_was_not_used_for_a_week_goes(tmp_path: Path, board: StatusStore) -> None:
    old, new = used(tmp_path, "old", 7.1), used(tmp_path, "new", 6.9)
    sweep(tmp_path, board, KEEP_DAYS)
    assert not old.exists() and new.exists()


@pytest.mark.parametrize("written", [None, "", "yesterday"])
def test_a_folder_without_a_time_counts_from_now_on(
    written: str | None, tmp_path: Path, board: StatusStore
) -> None:
    folder = used(tmp_path, "job", None)
    if written is not None:
        (folder / USED_AT).write_text(written)
    sweep(tmp_path, board, KEEP_DAYS)
    assert folder.exists() and int((folder / USED_AT).read_text()) == pytest.approx(
        time.time(), abs=60
    )


def test_what_is_waited_for_stays_longer(tmp_path: Path, board: StatusStore) -> None:
    """Such as a call that waits for a machine; whoever has gone for good may leave one, too."""
    waiting, told, lost = (used(tmp_path, job, 8) for job in ("waiting", "told", "lost"))
    for folder in (waiting, told, lost):
        board.begin_attempt(folder.name, "one")
    board.open_writer("told").append(Cancelled(0))
    (lost / USED_AT).write_text(str(int(time.time() - 15 * DAY_S)))
    sweep(tmp_path, board, KEEP_DAYS)
    assert [folder.exists() for folder in (waiting, told, lost)] == [True, False, False]
