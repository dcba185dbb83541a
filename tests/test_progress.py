"""What the page shows of a job follows from its history alone."""

from datetime import UTC, datetime, timedelta

import pytest

from inference.events import Event, Failed, Frame, Record, Stage, StageName, Step
from inference.plan import Plan
from inference.task import Task
from tests.fakes import script
from ui import progress
from ui.progress import Progress, StageShown

START = datetime(2026, 11, 23, 15, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def read(plan: Plan, events: list[tuple[float, Event]], now: float) -> Progress:
    records = [Record(seq, event, at(time)) for seq, (time, event) in enumerate(events)]
    return progress.read(records, plan, START, at(now))


def stage(name: StageName) -> Stage:
    return Stage(name, name.value)


def step(done: int, window: int, eta_s: float | None = None) -> Step:
    return Step(done, 4, window, 2, eta_s)


def test_before_the_first_event_the_plan_tells_the_time(task: Task) -> None:
    shown = read(task.plan, [], now=1)
    assert shown.left_s == pytest.approx(task.plan.estimate.seconds - 1)
    assert (shown.share, shown.stages, shown.preview, shown.final) == (0, (), None, None)


def test_a_plan_that_was_too_hopeful_claims_no_time(task: Task) -> None:
    seconds = task.plan.estimate.seconds
    for now in (0.9 * seconds, seconds, 1000):
        assert read(task.plan, [], now).left_s is None


def test_stages_last_until_the_next_one_begins(task: Task) -> None:
    events: list[tuple[float, Event]] = [
        (1, stage(StageName.LISTENING)),
        (3, stage(StageName.DRAWING)),
    ]
    assert read(task.plan, events, now=5).stages == (
        StageShown(StageName.LISTENING, 2),
        StageShown(StageName.DRAWING, None),
    )


def test_a_stage_that_comes_again_stands_once(task: Task) -> None:
    names = [StageName.STARTING, StageName.DRAWING, StageName.STARTING, StageName.DRAWING]
    shown = read(task.plan, [(time, stage(name)) for time, name in enumerate(names)], now=9)
    assert [one.name for one in shown.stages] == [StageName.STARTING, StageName.DRAWING]
    assert shown.stages[0].seconds == 2
    assert shown.stages[1].seconds is None


def test_no_stage_goes_on_after_the_end(task: Task) -> None:
    events: list[tuple[float, Event]] = [
        (1, stage(StageName.DRAWING)),
        (4, Failed("internal", "It broke.")),
    ]
    shown = read(task.plan, events, now=60)
    assert shown.stages == (StageShown(StageName.DRAWING, 3),)
    assert shown.elapsed_s == 4
    assert shown.final == Failed("internal", "It broke.")


def test_the_share_counts_frames_and_never_falls(task: Task) -> None:
    records = [Record(seq, event, at(seq)) for seq, event in enumerate(script(task.plan))]
    shares = [
        progress.read(records[:count], task.plan, START, at(count)).share
        for count in range(len(records) + 1)
    ]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    first = task.plan.new_frames(0).stop
    half = read(task.plan, [(1, step(4, window=0))], now=1).share
    assert half == pytest.approx(first / task.plan.frames)


def test_the_time_left_runs_down_between_steps(task: Task) -> None:
    events: list[tuple[float, Event]] = [(1, step(1, 0, eta_s=10)), (3, step(2, 0, eta_s=8))]
    assert read(task.plan, events, now=5).left_s == pytest.approx(6)
    assert read(task.plan, events, now=60).left_s == 0


def test_waiting_in_the_queue_has_no_time_left(task: Task) -> None:
    assert read(task.plan, [(0, stage(StageName.QUEUED))], now=1).left_s is None


def test_the_newest_preview_is_shown(task: Task) -> None:
    frame = Frame("frames/latest.jpg")
    events: list[tuple[float, Event]] = [(1, frame), (2, step(1, 0)), (3, frame)]
    assert read(task.plan, events, now=4).preview == 2


def test_windows_fill_one_after_the_other(task: Task) -> None:
    frames = [len(task.plan.new_frames(index)) for index in range(2)]
    assert progress.window_shares(task.plan, 0) == [(frames[0], 0), (frames[1], 0)]
    middle = (frames[0] + frames[1] / 2) / task.plan.frames
    assert progress.window_shares(task.plan, middle) == [
        (frames[0], 1),
        (frames[1], pytest.approx(0.5)),
    ]
    assert progress.window_shares(task.plan, 1) == [(frames[0], 1), (frames[1], 1)]
