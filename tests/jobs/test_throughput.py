"""What a run tells of how fast the next ones will go, and that it is kept whatever happens."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as checks
from hypothesis import strategies as st

from inference.core.cost_model import (
    THROUGHPUT_FILE,
    CostModel,
    Throughput,
    load_throughputs,
    read_runs,
)
from inference.core.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Record,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.core.plan import compute_window_work, make_plan
from inference.core.settings import ROOT
from inference.core.task import Task
from inference.jobs import history, worker
from inference.jobs.throughput import measure_throughput, record_run
from tests.conftest import FOUR_SECONDS
from tests.support.people import PATIENCE_S, Person
from tests.support.scripted_engine import ScriptedEngine, result, script
from ui.session.page_state import Phase

START = datetime(2026, 11, 23, 15, tzinfo=UTC)
Course = list[tuple[float, Event]]  # what is told, and when
QUALITIES = ["draft", "fast", "balanced", "best"]
few = checks(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def records(course: Course) -> list[Record]:
    return [
        Record(seq, event, START + timedelta(seconds=time))
        for seq, (time, event) in enumerate(course)
    ]


def stage(name: StageName) -> Stage:
    return Stage(name, name.value)


def of(task: Task, quality: str, seconds: float = 4.0, steps: int | None = None) -> Task:
    """`task` in another quality, of another length."""
    recording = replace(FOUR_SECONDS, samples=round(48_000 * seconds))
    request = replace(task.request, recordings=(recording,), quality=quality, steps=steps)
    return replace(task, request=request, plan=make_plan(request, 600))


def finished(task: Task, took_s: float) -> Finished:
    return Finished(replace(result(task.plan), seconds=took_s))


def run_of(
    task: Task, pace: Throughput, first: int = 0, steps: int = 2, began: float = 0.0
) -> Course:
    """A run that goes at just that pace and makes the windows from `first` on."""
    now = began
    course: Course = [(began, stage(StageName.STARTING))]
    course.append((now + pace.start_s / 2, stage(StageName.LOADING)))
    now += pace.start_s
    drawn = task.plan.quality == "draft"
    if drawn:
        course.append((now, stage(StageName.DRAWING)))
    count, making = len(task.plan.windows), now
    for index in range(first, count):
        work = compute_window_work(
            task.request.sampling,
            task.plan.windows,
            index,
            len(task.plan.speakers),
            task.request.frame,
        )
        course += [] if drawn else [(now, stage(StageName.WINDOW))]
        for done in range(1, steps + 1):
            now += pace.step_s * work / steps
            course += [(now, Frame("x")), (now, Step(done, steps, index, count))]
        course.append((now, Window(index, "x", task.plan.new_frames(index).stop)))
    course.append((now, stage(StageName.FINISHING)))
    return [*course, (now, finished(task, now - making))]


@few
@given(
    quality=st.sampled_from(QUALITIES),
    seconds=st.floats(0.4, 40),
    steps=st.none() | st.integers(10, 12),  # which every quality allows
    start_s=st.floats(0, 900),
    step_s=st.floats(0.05, 20),
)
def test_the_next_one_like_it_is_estimated_to_take_as_long(
    task: Task, quality: str, seconds: float, steps: int | None, start_s: float, step_s: float
) -> None:
    made = of(task, quality, seconds, steps)
    course = run_of(made, Throughput(start_s, step_s))
    pace = measure_throughput(made, records(course))
    assert pace
    assert pace.start_s == pytest.approx(start_s, abs=0.002)
    assert pace.step_s == pytest.approx(step_s, rel=0.01, abs=0.001)
    estimate = make_plan(made.request, 600, CostModel(throughputs={quality: pace})).estimate
    assert estimate.basis == "past runs"
    assert estimate.seconds == pytest.approx(course[-1][0], rel=0.01, abs=0.2)


@pytest.mark.parametrize("quality", ["draft", "fast"])
def test_of_a_run_that_was_gone_on_with_only_its_own_windows_count(
    task: Task, quality: str
) -> None:
    made = of(task, quality, 20)
    assert len(made.plan.windows) > 3
    for first in range(len(made.plan.windows)):
        pace = measure_throughput(made, records(run_of(made, Throughput(6, 3), first)))
        assert pace == Throughput(6, 3)
    nothing = run_of(made, Throughput(6, 3), len(made.plan.windows))
    assert measure_throughput(made, records(nothing)) is None


def test_a_window_that_was_there_already_is_not_counted(task: Task) -> None:
    """It is told of again where its first telling was not written down in time."""
    made = of(task, "draft", 20)
    course = run_of(made, Throughput(6, 3), first=1)
    told = (6.0, Window(0, "x", made.plan.new_frames(0).stop))
    at = next(i for i, (_, event) in enumerate(course) if event == stage(StageName.DRAWING))
    course.insert(at + 1, told)
    assert measure_throughput(made, records(course)) == Throughput(6, 3)


def test_joining_the_windows_is_a_part_of_making_them(task: Task) -> None:
    *course, (end, last) = run_of(task, Throughput(1, 2))
    pace = measure_throughput(task, records([*course, (end + 1.5, last)]))
    work = task.plan.frames / 81
    assert pace and pace.step_s == pytest.approx(2 + 1.5 / work, abs=0.001)


@pytest.mark.parametrize("last", [Failed("internal", "It broke."), Cancelled(77, "x")])
def test_only_what_finished_tells_something(task: Task, last: Event) -> None:
    course = run_of(task, Throughput(1, 2))
    assert measure_throughput(task, records([*course[:-1], (course[-1][0], last)])) is None
    assert measure_throughput(task, records(course[:-1])) is None
    assert measure_throughput(task, []) is None


def test_what_was_heard_afterwards_tells_nothing(task: Task) -> None:
    """A server that comes back finds a video that was made in the meantime."""
    made = of(task, "fast", 20)
    course = run_of(made, Throughput(0.5, 0.01))
    took = course[-1][0]
    assert measure_throughput(made, records([*course[:-1], (took, finished(made, 0.9 * took))]))
    assert measure_throughput(made, records([*course[:-1], (took, finished(made, 60))])) is None


def test_a_machine_that_slept_tells_nothing(task: Task) -> None:
    *course, (end, last) = run_of(task, Throughput(1, 2))
    assert measure_throughput(task, records([*course, (end + 3600, last)])) is None


def test_a_clock_that_is_set_back_tells_nothing(task: Task) -> None:
    *course, (end, _) = run_of(task, Throughput(1, 2))
    assert measure_throughput(task, records([*course, (end - 60, finished(task, 0.01))])) is None


def rounded(pace: Throughput) -> Throughput:
    """Histories are written in milliseconds."""
    return Throughput(round(pace.start_s, 2), round(pace.step_s, 2))


def job(data: Path, task: Task, course: Course) -> Task:
    """`task` as a job in `data`, with that history."""
    made = replace(task, folder=data / "jobs" / "a1")
    made.folder.mkdir(parents=True, exist_ok=True)
    made.save()
    lines = "".join(record.to_json() + "\n" for record in records(course))
    (made.folder / history.EVENTS).write_text(lines)
    return made


def test_waiting_in_the_queue_and_earlier_runs_are_left_out(tmp_path: Path, task: Task) -> None:
    lost = [(0.0, stage(StageName.QUEUED)), *run_of(task, Throughput(40, 5), began=900)[:-6]]
    again = [(90_000.0, stage(StageName.QUEUED)), *run_of(task, Throughput(3, 2), 1, began=99_000)]
    again[-1] = again[-1][0], finished(task, 2)
    made = job(tmp_path, task, [*lost, *again])
    record_run(tmp_path, made, "draft", after=len(lost))
    (pace,) = read_runs(tmp_path)["draft"]["draft"]
    assert rounded(pace) == Throughput(3, 2)


def test_the_last_five_runs_of_a_quality_and_a_maker_are_kept(tmp_path: Path, task: Task) -> None:
    for number in range(7):
        made = job(tmp_path, task, run_of(task, Throughput(number, 2)))
        record_run(tmp_path, made, "draft")
    final = of(task, "best")
    made = job(tmp_path, final, run_of(final, Throughput(30, 4)))
    for maker in ("modal H100", "multitalk"):
        record_run(tmp_path, made, maker)
    runs = read_runs(tmp_path)
    assert [run.start_s for run in runs["draft"]["draft"]] == [2, 3, 4, 5, 6]
    assert runs["modal H100"] == runs["multitalk"]
    assert [rounded(pace) for pace in runs["multitalk"]["best"]] == [Throughput(30, 4)]
    assert rounded(load_throughputs(tmp_path)["draft"]["draft"]) == Throughput(4, 2)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("held", ["{", '{"draft": {"draft": [1]}}'])
def test_a_damaged_file_is_replaced(tmp_path: Path, task: Task, held: str) -> None:
    (tmp_path / THROUGHPUT_FILE).write_text(held)
    record_run(tmp_path, job(tmp_path, task, run_of(task, Throughput(1, 2))), "draft")
    (pace,) = read_runs(tmp_path)["draft"]["draft"]
    assert rounded(pace) == Throughput(1, 2)


def test_of_several_that_end_at_once_none_is_lost(tmp_path: Path, task: Task) -> None:
    made = job(tmp_path, task, run_of(task, Throughput(1, 2)))
    code = (
        "import sys; from pathlib import Path; from inference.jobs.throughput import record_run\n"
        "from inference.core.task import load_task\n"
        "data, folder, maker = sys.argv[1:]; sys.stdin.read()\n"
        "for number in range(20):\n"
        "    record_run(Path(data), load_task(Path(folder)), f'{maker} {number}')"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path, made.folder, str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for process in workers:
        assert process.stdin
        process.stdin.close()  # now all go
    assert [process.wait() for process in workers] == [0] * 4
    runs = read_runs(tmp_path)
    assert runs.keys() == {f"{maker} {number}" for maker in range(4) for number in range(20)}


class Paced(ScriptedEngine):
    """Says that it took no time, so that it is believed."""

    def __init__(self, task: Task) -> None:
        events: Sequence[Event] = [*script(task.plan)[:-1], finished(task, 0.0)]
        super().__init__(events, pause_s=0.002, name="draft")


def worked(data: Path, task: Task) -> Event:
    made = replace(task, folder=data / "jobs" / "a1")
    made.folder.mkdir(parents=True)
    made.save()
    return worker.run_job(made.folder, lambda family: Paced(made))


def test_a_worker_notes_its_run(tmp_path: Path, task: Task) -> None:
    assert isinstance(worked(tmp_path / "data", task), Finished)
    (pace,) = read_runs(tmp_path / "data")["draft"]["draft"]
    assert 0 < pace.start_s < 10 and 0 < pace.step_s < 10


def test_a_full_disk_is_not_the_job_s_trouble(
    tmp_path: Path, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data" / THROUGHPUT_FILE / "in the way").mkdir(parents=True)
    assert isinstance(worked(tmp_path / "data", task), Finished)
    assert "its pace was not noted" in caplog.text
    assert isinstance(history.read_last(tmp_path / "data/jobs/a1").event, Finished)  # type: ignore[union-attr]


def test_a_folder_that_is_no_job_leaves_nothing_beside_it(tmp_path: Path, task: Task) -> None:
    task.save()
    assert isinstance(worker.run_job(task.folder, lambda family: Paced(task)), Finished)
    assert [path.name for path in tmp_path.iterdir()] == ["task"]


def test_the_second_draft_is_estimated_by_the_first(me: Person) -> None:
    me.do("example", name="astronaut")
    first = me.until(Phase.DRAFT).job
    assert first and first.plan.estimate.basis == "table"
    end = time.monotonic() + PATIENCE_S
    while not (me.data / THROUGHPUT_FILE).exists():  # its worker does that as the last thing
        assert time.monotonic() < end
        time.sleep(0.01)
    me.do("set", field="seed", value="7")
    second = me.until(Phase.DRAFT).job
    assert second and second.id != first.id
    assert second.plan.estimate.basis == "past runs"
    took_s = first.progress.elapsed_s
    assert second.plan.estimate.seconds == pytest.approx(took_s, rel=0.05, abs=0.2)
    assert second.plan.estimate.dollars == 0
    assert json.loads((me.data / THROUGHPUT_FILE).read_text()).keys() == {"draft"}
