"""The contract of the engine seam, held by every engine and by the scripted fake."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from inference.engines.base import Engine, guarded
from inference.engines.select import select_engine
from inference.errors import Fault, FaultCode, InputCode, InputError
from inference.events import (
    FINAL,
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.intake import take_in
from inference.plan import make_plan
from inference.request import Request, Trim
from inference.task import Task
from tests.fakes import ScriptedEngine
from tests.media import ASTRONAUT, VOICE_A

ENGINES = ["draft", "scripted"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return ScriptedEngine() if request.param == "scripted" else select_engine(request.param)


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The astronaut and 4 s of a voice: 101 frames in two windows."""
    folder = tmp_path_factory.mktemp("task")
    picture, recordings = take_in(folder, ASTRONAUT, [VOICE_A])
    request = Request(picture, recordings, trim=Trim(0, 4))
    return Task(request, make_plan(request, 40), folder)


@pytest.fixture
def two_windows(taken_in: Task, tmp_path: Path) -> Task:
    shutil.copytree(taken_in.folder, tmp_path, dirs_exist_ok=True)
    return replace(taken_in, folder=tmp_path)


def frames_of(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def check_order(events: list[Event]) -> None:
    """Stage first, one final event, last; no Step falls back within a window."""
    assert isinstance(events[0], Stage)
    assert [isinstance(event, FINAL) for event in events].index(True) == len(events) - 1
    last = (-1, 0)
    for event in events:
        if isinstance(event, Step):
            assert 0 < event.done <= event.total and 0 <= event.window < event.windows
            assert (event.window, event.done) > last
            last = (event.window, event.done)


def test_it_can_work_here(engine: Engine) -> None:
    assert engine.availability().ready


def test_a_whole_run(engine: Engine, two_windows: Task) -> None:
    events = list(engine.generate(two_windows, lambda: False))
    check_order(events)
    windows = [event for event in events if isinstance(event, Window)]
    assert [window.index for window in windows] == [0, 1]
    done = 0
    for window in windows:
        done += frames_of(two_windows.folder / window.path)
        assert window.frames_done == done
    previews = [event for event in events if isinstance(event, Frame)]
    assert previews and (two_windows.folder / previews[-1].path).read_bytes()[:2] == b"\xff\xd8"
    assert isinstance(events[-1], Finished)
    result = events[-1].result
    assert result.frames == two_windows.plan.frames == frames_of(two_windows.folder / result.path)


def test_a_cancel_keeps_what_is_finished(engine: Engine, two_windows: Task) -> None:
    first = two_windows.plan.new_frames(0).stop
    events: list[Event] = []
    run = engine.generate(two_windows, lambda: any(isinstance(event, Window) for event in events))
    for event in run:
        events.append(event)
    check_order(events)
    assert events[-1] == Cancelled(first, "result.mp4")
    assert frames_of(two_windows.folder / "result.mp4") == first
    assert not (two_windows.folder / "windows/001.mp4").exists()


def test_a_cancel_before_anything_is_finished(engine: Engine, two_windows: Task) -> None:
    events = list(engine.generate(two_windows, lambda: True))
    check_order(events)
    assert events[-1] == Cancelled(0, None)
    assert not (two_windows.folder / "result.mp4").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError(InputCode.NO_FACE, "No face."), "no_face"),
        (Fault(FaultCode.DISK_FULL, "Full."), "disk_full"),
        (OSError(28, "No space left on device"), "disk_full"),
        (ZeroDivisionError("oops"), "internal"),
    ],
)
def test_an_error_is_a_last_event_and_never_an_exception(error: Exception, code: str) -> None:
    def breaking() -> Iterator[Event]:
        yield Stage(StageName.LOADING, "Loading")
        raise error

    events = list(guarded(breaking()))
    assert isinstance(events[-1], Failed) and events[-1].code == code
    assert events[-1].message and "Traceback" not in events[-1].message


def test_an_engine_that_is_not_there_says_so() -> None:
    with pytest.raises(Fault, match="not part of this version"):
        select_engine("multitalk")
