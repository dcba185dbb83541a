"""A container's end: one task, carried out on a shared folder, told on the board."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.cloud import names
from inference.cloud.status import StatusStore
from inference.cloud.sweep import USED_AT
from inference.cloud.task_runner import TaskRunner
from inference.core.engine import Availability, Engine
from inference.core.errors import Fault, FaultCode
from inference.core.events import (
    FINAL,
    Cancelled,
    Event,
    Failed,
    Finished,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.core.settings import Settings
from inference.core.task import RESULT, Task, segment_name
from presets.schema import EngineFamily
from tests.support.local_cloud import MemoryDict, Still
from tests.support.scripted_engine import ScriptedEngine
from tests.support.tiny_tasks import with_silence

JOB = "f" * 32


@pytest.fixture
def volume(tmp_path: Path, task: Task) -> Path:
    """A Volume with one job's inputs in it: silence for a voice."""
    folder = tmp_path / "volume" / names.work_folder(JOB)
    folder.mkdir(parents=True)
    with_silence(replace(task, folder=folder)).save()
    return tmp_path / "volume"


class Watched(Still):
    """Knows what was told when things were committed."""

    def __init__(self, store: MemoryDict) -> None:
        super().__init__()
        self._store = store
        self.told_before: list[int] = []

    def commit(self) -> None:
        super().commit()
        self.told_before.append(len(StatusStore(self._store).read_records(JOB)))


def carried_out(
    volume: Path, engine: Engine, store: MemoryDict, shared: Still | None = None
) -> list[Event]:
    station = TaskRunner(Settings(), volume, shared or Still(), StatusStore(store))
    station.run(JOB, lambda _: engine)
    return [record.event for record in StatusStore(store).read_records(JOB)]


def test_a_task_is_carried_out_to_its_end(volume: Path) -> None:
    store = MemoryDict()
    events = carried_out(volume, ScriptedEngine(), store)
    assert isinstance(events[0], Stage) and isinstance(events[-1], Finished)
    assert [event.index for event in events if isinstance(event, Window)] == [0, 1]
    assert (volume / names.work_folder(JOB) / RESULT).exists()
    assert (StatusStore(store).read_preview(JOB) or b"").startswith(b"\xff\xd8")


def test_files_are_there_for_everyone_before_they_are_told_of(volume: Path) -> None:
    store = MemoryDict()
    shared = Watched(store)
    events = carried_out(volume, ScriptedEngine(), store, shared)
    spoken_of = [i for i, event in enumerate(events) if isinstance(event, (Window, Finished))]
    assert shared.reloads == 1 and len(shared.told_before) == len(spoken_of) == 3
    assert shared.told_before[-1] == len(events) - 1


class Cut(ScriptedEngine):
    """Is ended, as a machine that is taken away, after its first window."""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        for event in super().generate(task, cancelled):
            yield event
            if isinstance(event, Window):
                raise KeyboardInterrupt


def test_another_run_says_so_and_goes_on_with_the_next_window(volume: Path) -> None:
    store = MemoryDict()
    with pytest.raises(KeyboardInterrupt):
        carried_out(volume, Cut(), store)
    kept = (volume / names.work_folder(JOB) / segment_name(0)).stat()
    before = len(StatusStore(store).read_records(JOB))
    events = carried_out(volume, ScriptedEngine(), store)
    again = Stage(StageName.STARTING, "Starting again on another machine")
    assert events.count(again) == 1 and isinstance(events[-1], Finished)
    assert {event.window for event in events[events.index(again) :] if isinstance(event, Step)} == {
        1
    }
    assert StatusStore(store).read_records(JOB)[events.index(again)].seq >= before
    assert (
        volume / names.work_folder(JOB) / segment_name(0)
    ).stat().st_mtime_ns == kept.st_mtime_ns


def test_who_asks_to_stop_is_heard(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.cloud.task_runner._CANCEL_POLL_S", 0.0)
    store = MemoryDict()
    StatusStore(store).cancel(JOB)
    assert isinstance(carried_out(volume, ScriptedEngine(), store)[-1], Cancelled)


class Broken:
    name = "broken"

    def check_availability(self) -> Availability:
        return Availability(True)

    def describe(self) -> str:
        return ""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        yield Stage(StageName.LOADING, "Loading")
        raise Fault(FaultCode.OUT_OF_MEMORY, "The GPU ran out of memory.")


def test_what_goes_wrong_is_told_and_not_raised(volume: Path) -> None:
    last = carried_out(volume, Broken(), MemoryDict())[-1]
    assert last == Failed("out_of_memory", "The GPU ran out of memory.")

    def none_there(_: EngineFamily) -> Engine:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, "No weights are here.")

    store = MemoryDict()
    TaskRunner(Settings(), volume, Still(), StatusStore(store)).run(JOB, none_there)
    told = StatusStore(store).read_records(JOB)[-1].event
    assert isinstance(told, Failed) and told.message == "No weights are here."


def test_a_job_whose_folder_is_gone_fails_in_a_sentence(tmp_path: Path) -> None:
    last = carried_out(tmp_path, ScriptedEngine(), MemoryDict())[-1]
    assert isinstance(last, Failed) and "not on Modal any more" in last.message


def test_a_folder_without_a_time_is_given_one_and_an_old_one_goes(volume: Path) -> None:
    old = volume / names.work_folder("0" * 32)
    old.mkdir()
    (old / USED_AT).write_text("0")
    carried_out(volume, ScriptedEngine(), MemoryDict())
    assert not old.exists() and int((volume / names.work_folder(JOB) / USED_AT).read_text())


def test_a_run_after_the_last_word_does_nothing(volume: Path) -> None:
    store, shared = MemoryDict(), Still()
    before = carried_out(volume, ScriptedEngine(), store)
    station = TaskRunner(Settings(), volume, shared, StatusStore(store))
    station.run(JOB, not_asked_for)
    assert [record.event for record in StatusStore(store).read_records(JOB)] == before
    assert shared.reloads == shared.commits == 0


def not_asked_for(_: EngineFamily) -> Engine:
    raise AssertionError("the model is used")


def test_of_two_calls_one_makes_the_video_and_the_other_says_nothing(volume: Path) -> None:
    store = MemoryDict()
    station = TaskRunner(Settings(), volume, Still(), StatusStore(store))
    StatusStore(store).claim_attempt(JOB, "one", "fc-1")
    station.run(JOB, not_asked_for, None, "one", "fc-2")
    assert StatusStore(store).read_records(JOB) == []
    station.run(JOB, lambda _: ScriptedEngine(), None, "one", "fc-1")
    assert isinstance(StatusStore(store).read_records(JOB)[-1].event, Finished)


class Stuck(ScriptedEngine):
    """Makes a window, then hangs until its container was left; goes on then, as if in time."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.calls = threading.Event(), list[str]()

    def leave(self, call: str) -> None:
        self.calls.append(call)
        self.left.set()

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        for event in super().generate(task, lambda: False):
            yield event
            if isinstance(event, Window) and event.index == 0:
                assert self.left.wait(60) and cancelled()


def test_work_that_stands_still_ends_with_one_last_word(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.cloud.watchdog._POLL_S", 0.01)
    monkeypatch.setattr("inference.cloud.watchdog._SILENCE_S", 0.2)
    store, engine = MemoryDict(), Stuck()
    shared = Watched(store)
    station = TaskRunner(Settings(), volume, shared, StatusStore(store), leave=engine.leave)
    station.run(JOB, lambda _: engine, None, "one", "fc-1")
    told = [record.event for record in StatusStore(store).read_records(JOB)]
    assert [event for event in told if isinstance(event, FINAL)] == told[-1:]
    last = told[-1]
    assert isinstance(last, Failed) and "Go on with this job" in last.message
    assert engine.calls == ["fc-1"]
    assert len(told) - 1 in shared.told_before  # what is finished was kept before


def test_all_runs_of_a_job_share_its_time(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.cloud.watchdog._POLL_S", 0.01)
    store, engine = MemoryDict(), Stuck()
    StatusStore(store).claim_attempt(JOB, "one", "fc-1")
    store[f"{JOB}/maker"] = ("fc-1", time.time() - 4 * 60 * 60)  # ... by an earlier run
    station = TaskRunner(Settings(), volume, Still(), StatusStore(store), leave=engine.leave)
    station.run(JOB, lambda _: engine, None, "one", "fc-1")
    last = StatusStore(store).read_records(JOB)[-1].event
    assert isinstance(last, Failed) and "took longer than it may" in last.message
    assert engine.calls == ["fc-1"]


class Away(MemoryDict):
    """Does not answer what is asked all the time: takes no steps and previews, knows no stop."""

    def put(self, key: str, value: Any, *, skip_if_exists: bool = False) -> bool:
        passing = key == JOB and "step" in str(value[-1])
        if passing or key.endswith("preview"):
            raise ConnectionError("Modal is away")
        return super().put(key, value, skip_if_exists=skip_if_exists)

    def get(self, key: str, default: Any = None) -> Any:
        if key.endswith("cancel"):
            raise ConnectionError("Modal is away")
        return super().get(key, default)


def test_a_board_that_is_away_for_a_moment_costs_no_paid_work(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.cloud.task_runner._CANCEL_POLL_S", 0.0)
    assert isinstance(carried_out(volume, ScriptedEngine(), Away())[-1], Finished)
