"""A worker writes down everything its engine says, and always an end."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import pytest

from inference.core.errors import InputCode, InputError
from inference.core.events import Cancelled, Event, Failed, Finished, Stage, StageName, Step, Window
from inference.core.inputs import Trim
from inference.core.plan import make_plan
from inference.core.settings import ROOT, Settings
from inference.core.task import RESULT, Task, partial_video_name
from inference.jobs import history, lock, worker
from inference.jobs import state as job_state
from inference.jobs.worker import STARTING
from inference.media.ingest import ingest_files
from inference.rendering.provenance.identity import CERTIFICATE
from presets.schema import EngineFamily
from tests.support.certificates import is_signed
from tests.support.media import ASTRONAUT, VOICE_A, read_unsigned
from tests.support.scripted_engine import ScriptedEngine, result, script

HELLO = Stage(StageName.LOADING, "Loading")


@dataclass
class Saying(ScriptedEngine):
    """An engine that does what a test tells it to."""

    say: Callable[[Task], Iterator[Event]] = lambda task: iter(())

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return self.say(task)


def run_with(engine: ScriptedEngine, task: Task) -> Event:
    task.save()
    return worker.run_job(task.folder, lambda name: engine)


def test_every_event_is_written_in_order(task: Task) -> None:
    last = run_with(ScriptedEngine(), task)
    records = history.read_records(task.folder)
    assert [record.event for record in records] == [STARTING, *script(task.plan)]
    assert [record.seq for record in records] == list(range(len(records)))
    assert last == Finished(result(task.plan))


def test_a_video_is_signed_before_anybody_is_told_of_it(settings: Settings, task: Task) -> None:
    folder = settings.data / "jobs" / "a"
    folder.mkdir(parents=True)
    run_with(ScriptedEngine(), replace(task, folder=folder))
    assert is_signed(folder / RESULT) and (settings.data / CERTIFICATE).exists()


def test_an_event_can_be_read_before_the_next_one_is_made(task: Task) -> None:
    seen: list[int] = []

    def say(task: Task) -> Iterator[Event]:
        for _ in range(3):
            seen.append(len(history.read_records(task.folder)))
            yield HELLO
        yield Finished(result(task.plan))

    run_with(Saying(say=say), task)
    assert seen == [1, 2, 3]


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
    assert [record.event for record in history.read_records(task.folder)] == [STARTING, HELLO, last]


def test_an_engine_without_an_end_is_given_one(task: Task) -> None:
    last = run_with(Saying(say=lambda task: iter([HELLO])), task)
    assert isinstance(last, Failed) and "final" in last.details
    assert [record.event for record in history.read_records(task.folder)] == [STARTING, HELLO, last]


def test_nothing_follows_the_final_event(task: Task) -> None:
    done = Finished(result(task.plan))
    run_with(Saying(say=lambda task: iter([HELLO, done, HELLO])), task)
    assert history.read_records(task.folder)[-1].event == done


def test_a_cancel_keeps_the_windows_that_are_finished(task: Task) -> None:
    events = script(task.plan)
    first_window = next(i for i, event in enumerate(events) if hasattr(event, "frames_done"))

    class Watched(list[Event]):
        def __iter__(self) -> Iterator[Event]:
            for number, event in enumerate(events):
                if number == first_window + 1:
                    (task.folder / job_state.CANCEL).touch()
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
        [sys.executable, "-m", "inference.jobs.worker", str(task.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    first, record = history.read_records(task.folder)
    assert first.event == STARTING
    assert isinstance(record.event, Failed)
    assert "plan" in record.event.details.lower()
    assert "Traceback" not in record.event.message


def test_a_window_can_be_played_with_its_sound_by_whoever_sees_its_event(task: Task) -> None:
    ready = given_voice(task)
    seen: list[Path] = []

    class Followed(ScriptedEngine):
        def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
            for event in super().generate(task, cancelled):
                yield event
                if isinstance(event, Window):  # it is written down now
                    seen.append(ready.folder / partial_video_name(event.index))
                    with av.open(str(seen[-1])) as film:
                        assert film.streams.audio and film.streams.video
                        frames = sum(1 for _ in film.decode(video=0))
                    assert frames == event.frames_done

    assert isinstance(run_with(Followed(), ready), Finished)
    assert len(seen) == 2 and seen[-1].exists()


def given_voice(task: Task) -> Task:
    """`task` with a real recording of its four seconds."""
    recordings = ingest_files(task.folder, ASTRONAUT, [VOICE_A])[1]
    request = replace(task.request, recordings=recordings, trim=Trim(0, 4))
    return Task(request, make_plan(request, 40), task.folder)


def test_without_a_growing_film_the_job_is_as_good(
    task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(run_with(ScriptedEngine(), task), Finished)  # no voice is there
    assert "the growing film was left out" in caplog.text


def test_what_is_known_is_not_told_again(task: Task) -> None:
    events = script(task.plan)
    second = events.index(Window(1, "windows/001.mp4", task.plan.frames))
    run_with(ScriptedEngine(events=events[: second - 2]), task)
    known = history.read_records(task.folder)
    assert isinstance(run_with(ScriptedEngine(), task), Finished)
    later = [record.event for record in history.read_records(task.folder, after=known[-1].seq)]
    assert later[0] == STARTING
    assert [event.index for event in later if isinstance(event, Window)] == [1]
    assert {event.window for event in later if isinstance(event, Step)} == {1}


def test_a_window_that_is_told_of_twice_is_written_once(task: Task) -> None:
    task.save()
    events = script(task.plan)
    first = next(number for number, event in enumerate(events) if isinstance(event, Window))
    again = [*events[: first + 1], Stage(StageName.STARTING, "Starting again"), *events[first:]]
    worker.run_job(task.folder, lambda family: ScriptedEngine(again))
    told = [r.event.index for r in history.read_records(task.folder) if isinstance(r.event, Window)]
    assert told == [0, 1]


def test_a_final_video_is_made_with_the_model_of_this_servers_settings(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = replace(task, plan=replace(task.plan, quality="fast"))
    final.save()
    asked: list[tuple[str, str | None, str | None]] = []

    def found(family: EngineFamily, settings: Settings) -> ScriptedEngine:
        asked.append((family, settings.model, settings.device))
        return ScriptedEngine()

    monkeypatch.setattr(worker, "select_engine_for", found)
    monkeypatch.setenv("PORTRAIT_MODEL", "multitalk-tiny")
    monkeypatch.setenv("PORTRAIT_DEVICE", "cpu")
    assert isinstance(worker.run_job(final.folder), Finished)
    assert asked == [("multitalk", "multitalk-tiny", "cpu")]


def test_an_engine_that_is_not_ready_ends_in_its_own_sentence(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(task, plan=replace(task.plan, quality="fast")).save()
    monkeypatch.setattr("inference.engines.multitalk.has_gpu", lambda: False)
    monkeypatch.delenv("PORTRAIT_MODEL", raising=False)
    last = worker.run_job(task.folder)
    assert isinstance(last, Failed)
    assert last.code == "engine_unavailable" and "NVIDIA GPU" in last.message


def worker_command(task: Task) -> list[str]:
    return [sys.executable, "-m", "inference.jobs.worker", str(task.folder)]


@pytest.mark.holds("making, draft", "two servers", "a lock lets one work on a job")
def test_of_two_workers_by_hand_the_second_is_refused_in_a_sentence(task: Task) -> None:
    task.save()
    descriptor = lock.acquire(task.folder / job_state.LOCK)
    assert descriptor is not None
    done = subprocess.run(worker_command(task), cwd=ROOT, capture_output=True, text=True)
    os.close(descriptor)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Another worker has this job already.\n"
    assert history.read_records(task.folder) == []


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inference.jobs.worker", str(tmp_path / "gone")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"There is no job in {tmp_path / 'gone'}.\n")
    assert not (tmp_path / "gone").exists()


def test_a_job_that_is_run_by_hand_waits_no_longer(task: Task) -> None:
    task.save()
    (task.folder / job_state.WAITING).touch()
    command = [sys.executable, "-m", "tests.support.scripted_engine", str(task.folder)]
    environment = os.environ | {"SCRIPTED_PAUSE_S": "0"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        pass
    assert process.returncode == 0
    assert lock.read_holder(task.folder / job_state.LOCK) == process.pid
    assert job_state.read_state(task.folder) is job_state.State.FINISHED


def test_a_draft_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(task: Task) -> None:
    whole = given_voice(task)
    whole.save()
    killed = replace(whole, folder=task.folder.with_name("killed"))
    shutil.copytree(whole.folder, killed.folder)
    subprocess.run(worker_command(whole), cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    with subprocess.Popen(worker_command(killed), cwd=ROOT, stderr=subprocess.DEVNULL) as first:
        while not any(
            isinstance(record.event, Step) and record.event.window == 1
            for record in history.read_records(killed.folder)
        ):
            assert first.poll() is None
        first.kill()
    assert job_state.read_state(killed.folder) is job_state.State.INTERRUPTED
    finished_before = (killed.folder / "windows/000.mp4").stat().st_mtime_ns
    assert not (killed.folder / "windows/001.mp4").exists()
    before = history.read_records(killed.folder)
    subprocess.run(worker_command(killed), cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    after = history.read_records(killed.folder)
    assert after[: len(before)] == before
    assert [record.seq for record in after] == list(range(len(after)))
    windows = [record.event.index for record in after if isinstance(record.event, Window)]
    assert windows == [0, 1]
    assert (killed.folder / "windows/000.mp4").stat().st_mtime_ns == finished_before
    for name in ("result.mp4", "windows/000.mp4", "windows/001.mp4"):
        assert read_unsigned(killed.folder / name) == read_unsigned(whole.folder / name)
