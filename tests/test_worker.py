"""A worker writes down everything its engine says, and always an end."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
import pytest

from inference import jobs, worker
from inference.errors import InputCode, InputError
from inference.events import Cancelled, Event, Failed, Finished, Stage, StageName
from inference.settings import ROOT
from inference.task import Task
from tests.fakes import ScriptedEngine, result, script

HELLO = Stage(StageName.STARTING, "Starting")


@dataclass
class Saying(ScriptedEngine):
    """An engine that does what a test tells it to."""

    say: Callable[[Task], Iterator[Event]] = lambda task: iter(())

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return self.say(task)


def run_with(engine: ScriptedEngine, task: Task) -> Event:
    task.save()
    return worker.run(task.folder, lambda name: engine)


def test_every_event_is_written_in_order(task: Task) -> None:
    last = run_with(ScriptedEngine(), task)
    records = jobs.events(task.folder)
    assert [record.event for record in records] == script(task.plan)
    assert [record.seq for record in records] == list(range(len(records)))
    assert last == Finished(result(task.plan))


def test_an_event_can_be_read_before_the_next_one_is_made(task: Task) -> None:
    seen: list[int] = []

    def say(task: Task) -> Iterator[Event]:
        for _ in range(3):
            seen.append(len(jobs.events(task.folder)))
            yield HELLO
        yield Finished(result(task.plan))

    run_with(Saying(say=say), task)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError(InputCode.NO_FACE, "No face.", "0 found"), "no_face", "No face."),
        (ZeroDivisionError("secret"), "internal", "Something broke on our side. Try again."),
    ],
)
def test_an_engine_that_raises_ends_in_a_sentence(
    task: Task, error: Exception, code: str, message: str
) -> None:
    def say(task: Task) -> Iterator[Event]:
        yield HELLO
        raise error

    last = run_with(Saying(say=say), task)
    assert isinstance(last, Failed)
    assert (last.code, last.message) == (code, message)
    assert last.details
    assert [record.event for record in jobs.events(task.folder)] == [HELLO, last]


def test_an_engine_without_an_end_is_given_one(task: Task) -> None:
    last = run_with(Saying(say=lambda task: iter([HELLO])), task)
    assert isinstance(last, Failed) and "final" in last.details
    assert [record.event for record in jobs.events(task.folder)] == [HELLO, last]


def test_nothing_follows_the_final_event(task: Task) -> None:
    done = Finished(result(task.plan))
    run_with(Saying(say=lambda task: iter([HELLO, done, HELLO])), task)
    assert jobs.events(task.folder)[-1].event == done


def test_a_cancel_keeps_the_windows_that_are_finished(task: Task) -> None:
    events = script(task.plan)
    first_window = next(i for i, event in enumerate(events) if hasattr(event, "frames_done"))

    class Watched(list[Event]):
        def __iter__(self) -> Iterator[Event]:
            for number, event in enumerate(events):
                if number == first_window + 1:
                    jobs.cancel(task.folder)
                yield event

    last = run_with(ScriptedEngine(events=Watched()), task)
    kept = task.plan.new_frames(0).stop
    assert last == Cancelled(kept, "result.mp4")
    with av.open(str(task.folder / "result.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == kept


def test_a_broken_folder_is_a_failed_job_and_exit_status_1(task: Task) -> None:
    task.save()
    (task.folder / "plan.json").write_text("{")
    done = subprocess.run(
        [sys.executable, "-m", "inference.worker", str(task.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (record,) = jobs.events(task.folder)
    assert isinstance(record.event, Failed)
    assert "plan" in record.event.details.lower()
    assert "Traceback" not in record.event.message
