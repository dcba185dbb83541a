"""A job's attempts: what machines that were lost left behind is followed, and paid for once."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from inference.cloud.remote_handle import RemoteHandle, read_handle, write_handle
from inference.cloud.remote_job import RemoteJob
from inference.core.errors import Fault, FaultCode
from inference.core.events import Event, Failed, Finished, Frame, Stage
from inference.core.task import RESULT, Task
from tests.support.local_cloud import LocalCloud
from tests.support.remote_jobs import carried_out, cloud, left_after, never, quick, spoken
from tests.support.scripted_engine import ScriptedEngine, of_no_use

__all__ = ["cloud", "quick", "spoken"]


def lost_before_it_was_written_down(task: Task) -> None:
    """The folder as the next machine finds it: a call was to be spawned, and nobody knows more."""
    mark = read_handle(task.folder)
    assert mark
    write_handle(task.folder, replace(mark, call="", seen=-1))


def test_what_is_paid_for_is_kept_before_and_deleted_after(cloud: LocalCloud, spoken: Task) -> None:
    carried_out(cloud, spoken)
    assert cloud.did == ["keep", "spawn", "keep", "keep", "remove"]


def test_what_is_not_kept_here_is_not_deleted_there(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise Fault(FaultCode.INTERNAL, "Modal did not keep it.")

    monkeypatch.setattr(cloud, "commit", refused)
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
    mark = read_handle(spoken.folder)
    assert mark
    cloud.delete_job(mark)
    assert cloud.calls["fc-0"].stopped


def test_after_one_that_nobody_wrote_down_the_next_start_is_another(
    cloud: LocalCloud, spoken: Task
) -> None:
    """Of the same attempt no other call would be let to work."""
    cloud.engine = ScriptedEngine(events=[*of_no_use()])
    left_after(cloud, spoken, Stage)
    events = RemoteJob(cloud, spoken, never).run()
    while not cloud.status.read_records(spoken.folder.name):
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
    write_handle(spoken.folder, RemoteHandle(spoken.folder.name, call="", attempt="the next"))
    cloud.engine = ScriptedEngine()
    assert isinstance(carried_out(cloud, spoken)[-1], Finished)
    assert len(cloud.calls) == 2


def test_before_another_attempt_the_earlier_call_is_stopped(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only seemed to be over: both would write into one folder."""
    left_after(cloud, spoken, Frame)
    mark = read_handle(spoken.folder)
    assert mark
    seen = cloud.status.read_records(spoken.folder.name)[-1].seq + 1000
    write_handle(spoken.folder, replace(mark, seen=seen))
    over = Fault(FaultCode.INTERNAL, "It seems to be over.")
    monkeypatch.setattr(cloud, "find_end_fault", lambda call: over if call == "fc-0" else None)
    carried_out(cloud, spoken)
    assert cloud.calls["fc-0"].stopped and len(cloud.calls) == 2


def test_of_two_calls_for_one_start_only_one_is_work(
    cloud: LocalCloud, spoken: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one waits for a machine, so nobody can tell that it is there."""
    cloud.busy, made = True, list[Task]()
    left_after(cloud, spoken, Stage)
    events = RemoteJob(cloud, spoken, never).run()
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
    for event in RemoteJob(cloud, spoken, never).run():
        heard.append(event)
        for call in cloud.calls.values():
            call.starts.set()
    assert len(cloud.calls) == 2 and len(made) == 1
    assert isinstance(heard[-1], Finished)
