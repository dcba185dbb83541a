"""A disk that is full or read-only is one sentence that names the folder, and nothing is lost."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.core.settings import Settings
from tests.support.media import ASTRONAUT
from tests.support.people import ME, Person, files, uploaded
from ui.cli.commands import main
from ui.session.session import Session
from ui.session.store import SessionStore


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own at `folder`."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.holds("page", "full disk", "one sentence names the folder; nothing is lost")
def test_a_full_disk_is_named_and_costs_nothing(tmp_path: Path) -> None:
    with mounted(tmp_path / "data", "size=1m") as data:
        me = Person(Settings(data), ME)
        SessionStore(data).save(ME, Session(typed="Hello"))
        upload = uploaded(data, ASTRONAUT)
        before = files(data)
        ballast = os.open(data / "ballast", os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space"):
            while True:
                os.write(ballast, b"x" * 4096)
        os.close(ballast)
        page = me.do("picture", upload=upload.name, name="a.jpg")
        assert page.problem and page.problem.code == "disk_full"
        assert str(data) in page.problem.message and page.session.typed == "Hello"
        assert me.do("typing", text="x").session.typed in ("Hello", "x")
        (data / "ballast").unlink()
        assert before - files(data) <= {str(upload.relative_to(data))}
        assert me.do("again").problem is None


@pytest.mark.holds("page", "read-only", "the page is shown; a change is refused in one sentence")
def test_a_read_only_disk_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "data", "size=1m") as data:
        me = Person(Settings(data), ME)
        SessionStore(data).save(ME, Session(typed="Hello"))
        subprocess.run(["mount", "-o", "remount,ro", str(data)], check=True)
        page = me.do("edit", what="typing")
        assert page.problem and page.problem.code == "output_not_writable"
        assert str(data) in page.problem.message and page.session.typed == "Hello"
        assert me.pulse()
        monkeypatch.setenv("PORTRAIT_DATA", str(data))
        assert main(["serve", "--port", "0"]) == 1
        assert str(data) in capsys.readouterr().err


def test_a_disk_that_fills_at_any_write_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    me = Person(Settings(tmp_path), ME)
    monkeypatch.setattr(os, "replace", fail)
    page = me.do("edit", what="typing")
    assert page.problem and str(tmp_path) in page.problem.message
    assert not [name for name in files(tmp_path) if name.endswith(".part")]
