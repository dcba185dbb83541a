"""What a Volume lacks of a file system is told, and nothing of the trying stays on it."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.diagnostics.check import Check
from inference.diagnostics.volumes import (
    check_file_system,
    check_free_space,
    check_read_rate,
    count_files,
)
from tests.support.local_cloud import Still


class Odd(Still):
    """A Volume that makes something else of what is committed."""

    def __init__(self, own: Path, change: Callable[[Path], None]) -> None:
        super().__init__()
        self._own, self._change = own, change

    def reload(self) -> None:
        self._change(self._own)


def found(own: Path, change: Callable[[Path], None] = lambda own: None) -> dict[str, Check]:
    return {check.name: check for check in check_file_system(own, Odd(own, change))}


def test_nothing_of_what_is_tried_stays(tmp_path: Path) -> None:
    (tmp_path / "work" / "tried-out").mkdir(parents=True)  # by somebody who was ended
    shared = Still()
    checks = check_file_system(tmp_path / "work" / "tried-out", shared)
    assert [*(tmp_path / "work").iterdir()] == [] and shared.commits == 3
    names = {"times", "symlinks", "hard links", "locks", "commits"}
    assert {check.name for check in checks} == names
    assert all(check.ok and not check.needed for check in checks)


def test_a_file_system_that_lacks_nothing_is_told_as_one(tmp_path: Path) -> None:
    checks = found(tmp_path / "own")
    assert "folder's is right, a file's is kept to the nanosecond" in checks["times"].found
    assert "relative ones are kept, absolute ones are kept" in checks["symlinks"].found
    assert checks["hard links"].found.startswith("allowed")
    assert checks["locks"].found.startswith("taken here")


class Open(Still):
    """A Volume that can't be seen anew while a file of it is open."""

    def commit(self) -> None:
        super().commit()
        if self.commits == 1:
            raise RuntimeError("vo-1: there are open files preventing the operation")


def test_a_commit_that_an_open_file_prevents_is_told(tmp_path: Path) -> None:
    checks = {check.name: check for check in check_file_system(tmp_path / "own", Open())}
    assert "there are open files" in checks["commits"].found


def whole_seconds(own: Path) -> None:
    at_s = int((own / "file").stat().st_mtime)
    os.utime(own / "file", (at_s, at_s))
    os.utime(own / "folder", (0, 0))


def touched(own: Path) -> None:
    (own / "file").touch()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (whole_seconds, "folder's is not right (0), a file's is kept to the second"),
        (touched, "a file's is not kept"),
    ],
)
def test_odd_times_are_told(change: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    assert says in found(tmp_path / "own", change)["times"].found


def elsewhere(own: Path) -> None:
    (own / "absolute").unlink()
    (own / "absolute").symlink_to("/nowhere/file")
    (own / "relative").unlink()


def test_links_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    found_links = found(tmp_path / "own", elsewhere)["symlinks"].found
    assert "relative ones are not kept" in found_links
    assert "absolute ones are changed to /nowhere/file, and lead nowhere" in found_links


def test_refused_hard_links_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    check = found(tmp_path / "own")["hard links"]
    assert check.found.startswith("refused (Operation not permitted)") and not check.needed


def test_free_space_is_told_and_not_believed(tmp_path: Path) -> None:
    check = check_free_space({"jobs": tmp_path})
    assert check.found.startswith("jobs ") and "placeholder" in check.found and not check.needed


def test_reading_is_timed_where_there_is_something_to_read(tmp_path: Path) -> None:
    for folder in (tmp_path / "not there", tmp_path):
        assert "no weights are there yet" in check_read_rate(folder).found
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "large").write_bytes(b"x" * 1001)
    assert "GB/s by one thread" in check_read_rate(tmp_path, 300).found


@given(st.lists(st.integers(0, 2000), max_size=6), st.integers(0, 3), st.integers(0, 3))
def test_bytes_are_counted_once_and_names_each(sizes: list[int], hard: int, soft: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index, size in enumerate(sizes):
            file = folder / str(index % 2) / str(index)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"x" * size)
            for link in range(hard):
                os.link(file, folder / f"hard-{index}-{link}")
            for link in range(soft):
                (folder / f"soft-{index}-{link}").symlink_to(file)
        assert count_files(folder) == (len(sizes) * (1 + hard + soft), sum(sizes))
