"""From files to a video: whatever ends it, nothing of a person stays where nobody comes back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inference.cloud import cleanup
from inference.cloud.client import UNREACHABLE, Unreachable
from inference.cloud.remote_handle import RemoteHandle, write_handle
from inference.core.errors import Fault, FaultCode
from inference.core.events import Cancelled, Event, Failed, Stage, StageName
from inference.core.task import Task
from tests.support.media import ASTRONAUT, VOICE_A
from tests.support.scripted_engine import ScriptedEngine
from ui.cli.exit_status import Interrupted
from ui.cli.generate import generate_video

BROKE = Failed(FaultCode.INTERNAL, "It broke there.")


class Elsewhere(ScriptedEngine):
    """Leaves a mark, as whoever has a task made elsewhere does, and comes to that end."""

    def __init__(self, end: Event | BaseException) -> None:
        super().__init__()
        self._end = end

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        yield Stage(StageName.STARTING, "Starting")
        write_handle(task.folder, RemoteHandle(task.folder.name, "fc-1"))
        if isinstance(self._end, BaseException):
            raise self._end
        yield self._end


class Memory:
    """Stands for Modal, which forgets what it is told to, if it answers."""

    def __init__(self, away: bool = False) -> None:
        self._away = away
        self.forgotten: list[str] = []

    def delete_job(self, mark: RemoteHandle) -> None:
        if self._away:
            raise Unreachable(FaultCode.ENGINE_UNAVAILABLE, UNREACHABLE)
        self.forgotten.append(mark.call)


@pytest.mark.parametrize(
    ("end", "raised"),
    [(BROKE, Fault), (Cancelled(0), Interrupted), (KeyboardInterrupt(), KeyboardInterrupt)],
)
@pytest.mark.parametrize("away", [False, True])
def test_what_did_not_become_a_video_is_forgotten_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    end: Event | BaseException,
    raised: type[BaseException],
    away: bool,
) -> None:
    memory = Memory(away)
    monkeypatch.setattr(cleanup, "ModalClient", lambda: memory)
    with pytest.raises(raised):
        generate_video(
            Elsewhere(end), ASTRONAUT, [VOICE_A], {"quality": "fast"}, tmp_path / "out.mp4"
        )
    assert memory.forgotten == ([] if away else ["fc-1"])
    assert ("stays on Modal for now" in capsys.readouterr().err) == away
    assert not list(tmp_path.iterdir())
