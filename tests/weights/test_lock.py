"""What was found at the first download is written down, and nothing else is taken afterwards."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from weights.errors import WeightsError
from weights.lock import LockEntry, LockFile
from weights.manifest import HubFile, Repo

REPO = Repo("someone/something", "main", "MIT")
ONE, OTHER = HubFile(REPO, "a/one.safetensors", "x/1"), HubFile(REPO, "other.json", "x/2")
ENTRY = LockEntry("main", "c" * 40, 7, "5" * 64, 123_456_789_012_345_678)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "not-there-yet" / "lock.json"


def test_what_was_recorded_is_known_to_the_next_process(path: Path) -> None:
    assert LockFile(path).get(ONE) is None
    assert not path.exists()
    LockFile(path).record(ONE, ENTRY)
    assert LockFile(path).get(ONE) == ENTRY
    assert LockFile(path).get(OTHER) is None
    assert json.loads(path.read_text())["someone/something/a/one.safetensors"]["size_bytes"] == 7


def test_of_another_revision_nothing_is_known(path: Path) -> None:
    LockFile(path).record(ONE, ENTRY)
    newer = replace(ONE, repo=replace(REPO, revision="v2"))
    assert LockFile(path).get(newer) is None
    assert LockFile(path).resolve_revision(newer) == "v2"


def test_all_files_of_a_repository_come_from_the_commit_of_the_first(path: Path) -> None:
    lock = LockFile(path)
    assert lock.resolve_revision(OTHER) == "main"
    lock.record(ONE, ENTRY)
    assert lock.resolve_revision(OTHER) == "c" * 40
    assert LockFile(path).resolve_revision(OTHER) == "c" * 40
    alike = replace(OTHER, repo=replace(REPO, name="someone/something-else"))
    assert lock.resolve_revision(alike) == "main"


def test_of_a_time_whole_seconds_count_also_in_a_lock_that_has_more(path: Path) -> None:
    path.parent.mkdir()
    file = path.parent / "file"
    file.write_bytes(b"7 bytes")
    lock, second = LockFile(path), ENTRY.mtime_ns // 10**9
    lock.record(ONE, ENTRY)
    for seconds, state in [(second, "checked"), (second - 1, "changed"), (second + 1, "changed")]:
        os.utime(file, (0, seconds))
        assert lock.state(ONE, file) == state
    lock.invalidate(ONE)
    for seconds in (second, 0):
        os.utime(file, (0, seconds))
        assert lock.state(ONE, file) == "changed"


def test_threads_that_record_at_once_lose_nothing(path: Path) -> None:
    lock, files = LockFile(path), [replace(ONE, name=str(number)) for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: lock.record(file, ENTRY), files))
    assert all(LockFile(path).get(file) == ENTRY for file in files)
    assert [file.name for file in path.parent.iterdir()] == ["lock.json"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"a": {"revi', id="cut off"),
        pytest.param(b"\xff\xfe\x00", id="not text"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"a/b/c": 7}', id="an entry that is a number"),
        pytest.param(b'{"a/b/c": {"revision": "main"}}', id="an entry that lacks fields"),
    ],
)
def test_a_damaged_lock_is_told_with_its_path(path: Path, damage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    with pytest.raises(WeightsError, match="damaged.*Delete it") as told:
        LockFile(path)
    assert str(path) in str(told.value)
