"""A task on its way to the deployed app and back: what is heard, fetched, kept, given up."""

import shutil
from dataclasses import replace

import pytest

from inference.cloud import remote_job
from inference.cloud.client import Unreachable
from inference.cloud.remote_handle import RemoteHandle, read_handle, write_handle
from inference.cloud.remote_job import RemoteJob
from inference.core.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Stage,
    StageName,
    Window,
)
from inference.core.task import (
    OUTPUTS,
    PREVIEW,
    PREVIOUS_REMOTE,
    REMOTE,
    RESULT,
    Task,
    segment_name,
)
from tests.support.local_cloud import LocalCloud
from tests.support.remote_jobs import carried_out, cloud, kinds, left_after, never, quick, spoken

__all__ = ["cloud", "quick", "spoken"]


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
    assert read_handle(spoken.folder) is None


def test_a_file_is_here_when_its_event_is(cloud: LocalCloud, spoken: Task) -> None:
    for event in RemoteJob(cloud, spoken, never).run():
        if isinstance(event, Window):
            assert (spoken.folder / event.path).exists()
        elif isinstance(event, Finished):
            assert (spoken.folder / event.result.path).exists()


def test_whoever_comes_next_listens_on_where_the_last_one_stopped(
    cloud: LocalCloud, spoken: Task
) -> None:
    before = left_after(cloud, spoken, Window)
    after = carried_out(cloud, spoken)
    assert len(cloud.calls) == 1
    assert isinstance(after[0], Stage) and isinstance(after[-1], Finished)
    told = kinds(before, Window) + kinds(after, Window)
    assert [event.index for event in told if isinstance(event, Window)] == [0, 1]


def test_who_was_ended_before_the_call_begins_again(cloud: LocalCloud, spoken: Task) -> None:
    write_handle(spoken.folder, RemoteHandle(spoken.folder.name, call=""))
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
    for event in RemoteJob(cloud, spoken, never).run():
        events.append(event)
        if isinstance(event, Window):
            assert made.stat().st_mtime_ns == before
    assert len(cloud.calls) == 2 and isinstance(events[-1], Finished)


def test_a_stop_before_a_machine_is_free_ends_the_call(cloud: LocalCloud, spoken: Task) -> None:
    cloud.busy = True
    waiting = RemoteJob(cloud, spoken, lambda: "fc-0" in cloud.calls).run()
    assert list(waiting)[-1] == Cancelled(0)
    assert cloud.calls["fc-0"].stopped


def test_a_gpu_that_starts_and_loads_is_told_of(cloud: LocalCloud, spoken: Task) -> None:
    final = replace(spoken, plan=replace(spoken.plan, quality="fast"))
    cloud.busy = True
    cloud.status.write_loading("another one, an hour ago")
    cloud.status.add_stage_time(StageName.LOADING, 61.0)
    stages: list[Stage] = []
    for event in RemoteJob(cloud, final, never).run():
        if isinstance(event, Stage):
            stages.append(event)
            if event.name is StageName.STARTING and event.message == "Starting a GPU":
                cloud.status.write_loading("this one")
            elif event.name is StageName.LOADING:
                cloud.calls["fc-0"].starts.set()
    assert Stage(StageName.LOADING, "Loading MultiTalk", usual_s=61.0) in stages
    assert cloud.status.read_usual_s(StageName.STARTING) is not None


@pytest.mark.holds("making on Modal", "no network", "followed again when Modal answers")
def test_modal_may_be_away_for_a_while(cloud: LocalCloud, spoken: Task) -> None:
    heard: list[Event] = []
    for event in RemoteJob(cloud, spoken, never).run():
        heard.append(event)
        if len(heard) % 5 == 0:
            cloud.offline = 4
    assert isinstance(heard[-1], Finished)


def test_away_for_too_long_is_said_and_the_job_can_go_on(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_after(cloud, spoken, Frame)
    monkeypatch.setattr(remote_job, "_UNREACHABLE_S", 0.05)
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
    for name in OUTPUTS:  # as `JobStore.restart` does
        shutil.rmtree(spoken.folder / name, ignore_errors=True)
    (spoken.folder / REMOTE).rename(spoken.folder / PREVIOUS_REMOTE)
    for event in RemoteJob(cloud, spoken, never).run():
        if isinstance(event, Window) and event.index == 0:
            assert made.stat().st_mtime_ns > before
    assert not (spoken.folder / PREVIOUS_REMOTE).exists()
