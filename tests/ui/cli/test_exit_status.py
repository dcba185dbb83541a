"""A command ends with a video, with its reason, or with what is kept; nothing else stays."""

import os
import signal
import stat
import tempfile
from pathlib import Path

import pytest

from inference.core.errors import Fault, InputError
from inference.core.events import Cancelled, Event, Failed, Finished
from inference.core.task import Task
from tests.support.scripted_engine import result
from ui.cli.exit_status import Interrupted, cancel_on_interrupt, deliver_result, make_scratch_folder


@pytest.fixture
def out(tmp_path: Path, task: Task) -> Path:
    """Where the person wants the video, which is ready."""
    (task.folder / "result.mp4").write_bytes(b"film")
    return tmp_path / "out.mp4"


def test_a_finished_video_is_delivered_and_described(task: Task, out: Path) -> None:
    made = deliver_result(task.folder, Finished(result(task.plan)), out)
    assert (made.path, made.frames) == (str(out), task.plan.frames)
    assert out.read_bytes() == b"film"


@pytest.mark.parametrize(
    ("last", "kind", "says"),
    [
        (Failed("no_face", "No face."), InputError, "No face."),
        (Failed("disk_full", "Full."), Fault, "Full."),
        (Cancelled(0), Interrupted, "Nothing was finished yet"),
    ],
)
def test_why_there_is_no_video_is_raised(
    last: Event, kind: type[Exception], says: str, task: Task, out: Path
) -> None:
    with pytest.raises(kind, match=says):
        deliver_result(task.folder, last, out)
    assert not out.exists()


def test_what_a_cancel_kept_is_delivered(task: Task, out: Path) -> None:
    with pytest.raises(Interrupted, match="The first 2.0 s are kept in .*out.mp4"):
        deliver_result(task.folder, Cancelled(50, "result.mp4"), out)
    assert out.read_bytes() == b"film"


def test_a_scratch_folder_is_private_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt), make_scratch_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").touch()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_waits_while_a_temporary_folder_is_looked_for(
    ending: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tempfile` looks for one by a file that it writes and deletes."""

    def look() -> str:
        probe = tmp_path / "probe"
        probe.touch()
        signal.raise_signal(ending)
        probe.unlink()
        return str(tmp_path)

    monkeypatch.setattr(tempfile, "gettempdir", look)
    before = signal.signal(ending, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), make_scratch_folder():
            pass
    finally:
        signal.signal(ending, before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_interrupt_asks_and_the_second_one_ends(ending: signal.Signals) -> None:
    before = signal.getsignal(ending)
    with pytest.raises(KeyboardInterrupt), cancel_on_interrupt() as cancelled:
        assert not cancelled()
        os.kill(os.getpid(), ending)
        assert cancelled()
        os.kill(os.getpid(), ending)
    assert signal.getsignal(ending) == before
