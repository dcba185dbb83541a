"""A task on its way to the deployed app and back: what is heard, fetched, kept, given up."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.cloud import errand
from inference.cloud.client import Unreachable
from inference.cloud.errand import Errand
from inference.cloud.mark import Mark, read_mark, write_mark
from inference.errors import Fault, FaultCode
from inference.events import Cancelled, Event, Failed, Finished, Frame, Stage, StageName, Window
from inference.task import (
    OUTPUTS,
    PICTURE,
    PREVIEW,
    REMOTE,
    REMOTE_BEFORE,
    RESULT,
    Task,
    segment_name,
)
from tests.fakes import ScriptedEngine, of_no_use
from tests.local_cloud import LocalCloud
from tests.small_tasks import with_silence


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LISTEN_S", "_PAUSE_S"):
        monkeypatch.setattr(errand, name, 0.005)
    monkeypatch.setattr(errand, "_SILENCE_S", 0.05)
    monkeypatch.setattr("inference.cloud.station._ASK_S", 0.0)


@pytest.fixture
def cloud(tmp_path: Path) -> LocalCloud:
    return LocalCloud(tmp_path / "volume", ScriptedEngine(pause_s=0.01))


@pytest.fixture
def spoken(task: Task) -> Task:
    """A task with its recordings, as it is sent."""
    (task.folder / PICTURE).touch()  # the scripted engine does not look at it
    saved = with_silence(task)
    saved.save()
    return saved


def never() -> bool:
    return False


def carried_out(
    cloud: LocalCloud, task: Task, cancelled: Callable[[], bool] = never
) -> list[Event]:
    return list(Errand(cloud, task, cancelled).events())


def kinds(events: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def test_a_video_is_made_elsewhere_and_all_of_it_comes_here(
    cloud: LocalCloud, spoken: Task
) -> None:
    events = carried_out(cloud, spoken)
    assert isinstance(events[0], Stage) and isinstance(events[-1], Finished)
    assert [event.index for event in events if isinstance(event, Window)] == [0, 1]
    assert kinds(events, Frame) and (spoken.folder / PREVIEW).exists()
    for name in (segment_name(0), segment_name(1), RESULT):
        assert (spoken.folder / name).stat().st_size > 0
    assert not list(spoken.folder.rglob("*.part"))


def test_what_is_here_is_nowhere_else(cloud: LocalCloud, spoken: Task) -> None:
    carried_out(cloud, spoken)
    assert not cloud.folder(spoken.folder.name).exists() and cloud.store == {}
    assert read_mark(spoken.folder) is None


def test_a_file_is_here_when_its_event_is(cloud: LocalCloud, spoken: Task) -> None:
    for event in Errand(cloud, spoken, never).events():
        if isinstance(event, Window):
            assert (spoken.folder / event.path).exists()
        elif isinstance(event, Finished):
            assert (spoken.folder / event.result.path).exists()


def left_after(cloud: LocalCloud, task: Task, kind: type[Event]) -> list[Event]:
    """The events up to the first of that kind, after which the listener is gone."""
    heard = []
    events = Errand(cloud, task, never).events()
    for event in events:
        heard.append(event)
        if isinstance(event, kind):
            break
    events.close()  # type: ignore[attr-defined]
    return heard


def test_whoever_comes_next_listens_on_where_the_last_one_stopped(
    cloud: LocalCloud, spoken: Task
) -> None:
    before = left_after(cloud, spoken, Window)
    after = carried_out(cloud, spoken)
    assert len(cloud.calls) == 1
    assert isinstance(after[0], Stage) and isinstance(after[-1], Finished)
    told = kinds(before, Window) + kinds(after, Window)
    assert [event.index for event in told if isinstance(event, Window)] == [0, 1]


def lost_before_it_was_written_down(task: Task) -> None:
    """The folder as the next machine finds it: a call was to be spawned, and nobody knows more."""
    mark = read_mark(task.folder)
    assert mark
    write_mark(task.folder, replace(mark, call="", seen=-1))


def test_what_is_paid_for_is_kept_before_and_deleted_after(cloud: LocalCloud, spoken: Task) -> None:
    carried_out(cloud, spoken)
    assert cloud.did == ["keep", "spawn", "keep", "keep", "remove"]


def test_what_is_not_kept_here_is_not_deleted_there(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise Fault(FaultCode.INTERNAL, "Modal did not keep it.")

    monkeypatch.setattr(cloud, "keep", refused)
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert cloud.did == ["spawn"] and (cloud.folder(spoken.folder.name) / RESULT).exists()


def test_a_call_that_nobody_wrote_down_is_followed(cloud: LocalCloud, spoken: Task) -> None:
    left_after(cloud, spoken, Frame)
    lost_before_it_was_written_down(spoken)
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 1


def test_a_call_that_nobody_wrote_down_is_ended_with_its_job(
    cloud: LocalCloud, spoken: Task
) -> None:
    left_after(cloud, spoken, Frame)
    lost_before_it_was_written_down(spoken)
    mark = read_mark(spoken.folder)
    assert mark
    cloud.forget(mark)
    assert cloud.calls["fc-0"].stopped


def test_after_one_that_nobody_wrote_down_the_next_start_is_another(
    cloud: LocalCloud, spoken: Task
) -> None:
    """Of the same attempt no other call would be let to work."""
    cloud.engine = ScriptedEngine(events=[*of_no_use()])
    left_after(cloud, spoken, Stage)
    events = Errand(cloud, spoken, never).events()
    while not cloud.board.records(spoken.folder.name):
        next(events)
    events.close()  # type: ignore[attr-defined]
    lost_before_it_was_written_down(spoken)
    assert isinstance(carried_out(cloud, spoken)[-1], Failed)
    cloud.engine = ScriptedEngine()
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 2


def test_what_an_earlier_attempt_said_is_not_taken_for_this_one_s(
    cloud: LocalCloud, spoken: Task
) -> None:
    """The worker was ended when it had written down a new attempt, and no more."""
    cloud.engine = ScriptedEngine(events=[*of_no_use()])
    assert isinstance(carried_out(cloud, spoken)[-1], Failed)
    write_mark(spoken.folder, Mark(spoken.folder.name, call="", attempt="the next"))
    cloud.engine = ScriptedEngine()
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 2


def test_before_another_attempt_the_earlier_call_is_stopped(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only seemed to be over: both would write into one folder."""
    left_after(cloud, spoken, Frame)
    mark = read_mark(spoken.folder)
    assert mark
    seen = cloud.board.records(spoken.folder.name)[-1].seq + 1000
    write_mark(spoken.folder, replace(mark, seen=seen))
    over = Fault(FaultCode.INTERNAL, "It seems to be over.")
    monkeypatch.setattr(cloud, "ending", lambda call: over if call == "fc-0" else None)
    carried_out(cloud, spoken)
    assert cloud.calls["fc-0"].stopped and len(cloud.calls) == 2


def test_of_two_calls_for_one_start_only_one_is_work(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one waits for a machine, so nobody can tell that it is there."""
    cloud.busy, made = True, list[Task]()
    left_after(cloud, spoken, Stage)
    events = Errand(cloud, spoken, never).events()
    while not cloud.calls:
        next(events)
    events.close()  # type: ignore[attr-defined]
    lost_before_it_was_written_down(spoken)
    generate = ScriptedEngine.generate

    def counted(
        engine: ScriptedEngine, task: Task, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        made.append(task)
        return generate(engine, task, cancelled)

    monkeypatch.setattr(ScriptedEngine, "generate", counted)
    heard = []
    for event in Errand(cloud, spoken, never).events():
        heard.append(event)
        for call in cloud.calls.values():
            call.starts.set()
    assert len(cloud.calls) == 2 and len(made) == 1
    assert isinstance(heard[-1], Finished)


def test_who_was_ended_before_the_call_begins_again(cloud: LocalCloud, spoken: Task) -> None:
    write_mark(spoken.folder, Mark(spoken.folder.name, call=""))
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 1


def test_what_ended_while_nobody_listened_is_found(cloud: LocalCloud, spoken: Task) -> None:
    left_after(cloud, spoken, Frame)
    cloud.calls["fc-0"].thread.join()
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 1 and (spoken.folder / RESULT).exists()


def test_a_stop_keeps_what_is_finished_and_a_continue_makes_only_the_rest(
    cloud: LocalCloud, spoken: Task
) -> None:
    first = (spoken.folder / segment_name(0)).exists
    last = carried_out(cloud, spoken, cancelled=first)[-1]
    assert last == Cancelled(spoken.plan.new_frames(0).stop, RESULT)
    assert (spoken.folder / RESULT).exists()
    made = cloud.folder(spoken.folder.name) / segment_name(0)
    before = made.stat().st_mtime_ns
    events: list[Event] = []
    for event in Errand(cloud, spoken, never).events():
        events.append(event)
        if isinstance(event, Window):
            assert made.stat().st_mtime_ns == before
    assert len(cloud.calls) == 2 and isinstance(events[-1], Finished)


def test_a_stop_before_a_machine_is_free_ends_the_call(cloud: LocalCloud, spoken: Task) -> None:
    cloud.busy = True
    waiting = Errand(cloud, spoken, lambda: "fc-0" in cloud.calls).events()
    assert list(waiting)[-1] == Cancelled(0)
    assert cloud.calls["fc-0"].stopped


def test_a_gpu_that_starts_and_loads_is_told_of(cloud: LocalCloud, spoken: Task) -> None:
    final = replace(spoken, plan=replace(spoken.plan, quality="fast"))
    cloud.busy = True
    cloud.board.note_loading("another one, an hour ago")
    cloud.board.note_usual(StageName.LOADING, 61.0)
    stages: list[Stage] = []
    for event in Errand(cloud, final, never).events():
        if isinstance(event, Stage):
            stages.append(event)
            if event.name is StageName.STARTING and event.message == "Starting a GPU":
                cloud.board.note_loading("this one")
            elif event.name is StageName.LOADING:
                cloud.calls["fc-0"].starts.set()
    assert Stage(StageName.LOADING, "Loading MultiTalk", usual_s=61.0) in stages
    assert cloud.board.usual_s(StageName.STARTING) is not None


def test_modal_may_be_away_for_a_while(cloud: LocalCloud, spoken: Task) -> None:
    heard: list[Event] = []
    for event in Errand(cloud, spoken, never).events():
        heard.append(event)
        if len(heard) % 5 == 0:
            cloud.offline = 4
    assert isinstance(heard[-1], Finished)


def test_away_for_too_long_is_said_and_the_job_can_go_on(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_after(cloud, spoken, Frame)
    monkeypatch.setattr(errand, "_PATIENCE_S", 0.05)
    cloud.offline = 1_000_000
    with pytest.raises(Unreachable, match="Modal can't be reached"):
        carried_out(cloud, spoken)
    cloud.offline = 0
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 1


def test_a_call_that_broke_is_told_and_the_next_one_is_another(
    cloud: LocalCloud, spoken: Task
) -> None:
    cloud.crashes = True
    last = carried_out(cloud, spoken)[-1]
    assert isinstance(last, Failed) and last.message == "The work on Modal ended early."
    cloud.crashes = False
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 2


def test_started_again_it_begins_from_nothing(cloud: LocalCloud, spoken: Task) -> None:
    first = (spoken.folder / segment_name(0)).exists
    carried_out(cloud, spoken, cancelled=first)
    made = cloud.folder(spoken.folder.name) / segment_name(0)
    before = made.stat().st_mtime_ns
    for name in OUTPUTS:  # as `Jobs.restart` does
        shutil.rmtree(spoken.folder / name, ignore_errors=True)
    (spoken.folder / REMOTE).rename(spoken.folder / REMOTE_BEFORE)
    for event in Errand(cloud, spoken, never).events():
        if isinstance(event, Window) and event.index == 0:
            assert made.stat().st_mtime_ns > before
    assert not (spoken.folder / REMOTE_BEFORE).exists()
