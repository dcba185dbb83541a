"""A small file is whole or as it was, whatever happens while it is written."""

import errno
import os
import stat
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from inference.core.errors import FaultCode, from_os_error
from inference.core.files import UnreadableFile, parse_json, read_json, read_word, write_whole

NUMBERS = TypeAdapter(dict[str, float])


def test_what_was_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 250)
    for content in ("first", "second, and longer"):
        write_whole(file, content, mode=0o600)
        assert read_word(file) == content
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "state"
    write_whole(file, "before")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError) as raised:
        write_whole(file, "after")
    assert list(tmp_path.iterdir()) == [file] and read_word(file) == "before"
    assert str(tmp_path) in from_os_error(raised.value).message


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "state", "x")
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"{", b"[" * 10**5, b'{"a": "x"}', b'{"a": NaN}', b'{"a": 1e11}', b"9" * 5000],
)
def test_what_is_damaged_is_one_error_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "numbers.json").write_bytes(content)
    with pytest.raises(UnreadableFile, match="its file numbers.json is damaged") as raised:
        read_json(tmp_path / "numbers.json", NUMBERS)
    assert raised.value.code == FaultCode.UNREADABLE


def test_what_is_missing_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "numbers.json", NUMBERS)
    assert read_word(tmp_path / "word") == read_word(tmp_path) == ""


def test_numbers_are_read_as_they_were() -> None:
    assert parse_json(b'{"seed": 4294967295, "x": -0.5}') == {"seed": 4294967295, "x": -0.5}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_named(code: int) -> None:
    for error, folder in (
        (OSError(code, "no", "/srv/data/jobs/x"), None),
        (OSError(code, "no"), Path("/srv/data/jobs")),
    ):
        message = from_os_error(error, folder).message
        assert "/srv/data/jobs" in message and message.endswith(".")
