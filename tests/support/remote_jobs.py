"""What tests of errands have in common: a deployed app within this process, a task with sound."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inference.cloud import remote_job
from inference.cloud.remote_job import RemoteJob
from inference.core.events import Event
from inference.core.task import PICTURE, Task
from tests.support.local_cloud import LocalCloud
from tests.support.scripted_engine import ScriptedEngine
from tests.support.tiny_tasks import with_silence


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LISTEN_S", "_PAUSE_S"):
        monkeypatch.setattr(remote_job, name, 0.005)
    monkeypatch.setattr(remote_job, "_SILENCE_S", 0.05)
    monkeypatch.setattr("inference.cloud.task_runner._CANCEL_POLL_S", 0.0)


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
    return list(RemoteJob(cloud, task, cancelled).run())


def kinds(events: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def left_after(cloud: LocalCloud, task: Task, kind: type[Event]) -> list[Event]:
    """The events up to the first of that kind, after which the listener is gone."""
    heard = []
    events = RemoteJob(cloud, task, never).run()
    for event in events:
        heard.append(event)
        if isinstance(event, kind):
            break
    events.close()  # type: ignore[attr-defined]
    return heard
