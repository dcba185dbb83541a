"""What the page shows of a job follows from its history alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from inference.core.events import Cancelled, Event, Failed, Frame, Record, Stage, StageName, Step
from inference.core.events import Window as WindowDone
from inference.core.plan import Plan, make_plan
from inference.core.task import Task
from tests.support.scripted_engine import script
from ui.session import progress
from ui.session.progress import Progress, StageProgress

START = datetime(2026, 11, 23, 15, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def read(plan: Plan, events: list[tuple[float, Event]], now: float) -> Progress:
    records = [Record(seq, event, at(time)) for seq, (time, event) in enumerate(events)]
    return progress.compute_progress(records, plan, at(now))


def stage(name: StageName) -> Stage:
    return Stage(name, name.value)


def step(done: int, window: int, eta_s: float | None = None) -> Step:
    return Step(done, 4, window, 2, eta_s)


def test_before_the_first_step_the_plan_tells_the_time(task: Task) -> None:
    seconds, start_s = task.plan.estimate.seconds, task.plan.estimate.start_s
    shown = read(task.plan, [(2, stage(StageName.STARTING))], now=2.2)
    assert shown.left_s == pytest.approx(seconds - 0.2, abs=0.02)
    assert shown.later_s == pytest.approx(seconds - start_s)
    assert (shown.share, shown.preview, shown.final) == (0, None, None)


def test_a_start_that_takes_long_leaves_the_time_of_the_windows(task: Task) -> None:
    windows_s = task.plan.estimate.seconds - task.plan.estimate.start_s
    for now in (0.9 * task.plan.estimate.seconds, 60, 1000):
        shown = read(task.plan, [(0, stage(StageName.STARTING))], now)
        assert windows_s <= (shown.left_s or 0) < task.plan.estimate.seconds


def test_stages_last_until_the_next_one_begins(task: Task) -> None:
    events: list[tuple[float, Event]] = [
        (1, stage(StageName.LISTENING)),
        (3, stage(StageName.DRAWING)),
    ]
    assert read(task.plan, events, now=5).stages == (
        StageProgress(StageName.LISTENING, 2),
        StageProgress(StageName.DRAWING, None),
    )


def test_what_is_worth_a_look_is_told_until_that_window_is_made_anew(task: Task) -> None:
    told: list[tuple[float, Event]] = [(1, WindowDone(0, "0.mp4", 57, "All is noise."))]
    later: list[tuple[float, Event]] = [*told, (2, WindowDone(1, "1.mp4", 101))]
    assert read(task.plan, later, now=3).fault == "All is noise."
    assert read(task.plan, [*later, (3, WindowDone(0, "0.mp4", 57))], now=4).fault is None


def test_what_is_to_be_known_of_a_window_stays(task: Task) -> None:
    events: list[tuple[float, Event]] = [(1, Stage(StageName.WINDOW, "Window 1 of 2"))]
    assert read(task.plan, events, now=5).note is None
    noted = replace(stage(StageName.WINDOW), note="Made elsewhere.")
    events += [(2, noted), (3, stage(StageName.FINISHING))]
    assert read(task.plan, events, now=5).note == "Made elsewhere."


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
    assert shown.stages == (StageProgress(StageName.DRAWING, 3),)
    assert shown.elapsed_s == 3
    assert shown.final == Failed("internal", "It broke.")


def test_the_share_counts_frames_and_never_falls(task: Task) -> None:
    records = [Record(seq, event, at(seq)) for seq, event in enumerate(script(task.plan))]
    shares = [
        progress.compute_progress(records[:count], task.plan, at(count)).share
        for count in range(len(records) + 1)
    ]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    first = task.plan.new_frames(0).stop
    half = read(task.plan, [(1, step(4, window=0))], now=1).share
    assert half == pytest.approx(first / task.plan.frames)


def test_the_time_left_is_as_fast_as_it_went_and_runs_down_between_steps(task: Task) -> None:
    events: list[tuple[float, Event]] = [
        (1, stage(StageName.DRAWING)),
        (2, step(1, 0)),
        (3, step(2, 0)),
    ]
    shown = read(task.plan, events, now=3)
    assert shown.left_s == pytest.approx(2 * (1 - shown.share) / shown.share)
    later = [read(task.plan, events, now=3 + 0.5 * looks).left_s or 0 for looks in range(40)]
    assert later[1] == pytest.approx(later[0] - 0.5, abs=0.04)
    assert all(0 < after < before for before, after in pairwise(later))  # the next one is late


def test_what_was_finished_before_counts_when_it_goes_on(task: Task) -> None:
    stopped: list[tuple[float, Event]] = [
        (0, stage(StageName.QUEUED)),
        (1, stage(StageName.STARTING)),
        (4, stage(StageName.WINDOW)),
        (5, step(1, 0)),
        (8, step(4, 0)),
        (8, WindowDone(0, "0.mp4", task.plan.new_frames(0).stop)),
        (9, stage(StageName.WINDOW)),
        (11, step(2, 1)),
        (12, Cancelled(task.plan.new_frames(0).stop, "result.mp4")),
    ]
    queued = [*stopped, (90, stage(StageName.QUEUED))]
    began = [*queued, (100, stage(StageName.STARTING))]
    first = task.plan.new_frames(0).stop
    for events in (queued, began):
        shown = read(task.plan, events, now=101)
        assert shown.share == pytest.approx(first / task.plan.frames)  # not what was broken off
        assert shown.newest_step is None and shown.windows_done == 1
    assert read(task.plan, queued, now=95).left_s is None
    estimate, rest = task.plan.estimate, 1 - first / task.plan.frames
    expected = (estimate.seconds - estimate.start_s) * rest
    assert shown.later_s == pytest.approx(expected)
    assert shown.stage is StageName.STARTING and shown.elapsed_s == 11 + 1
    again = [*began, (104, stage(StageName.WINDOW)), (105, step(1, 1)), (106, step(2, 1))]
    shown = read(task.plan, again, now=106)
    assert shown.left_s == pytest.approx(2)  # two more steps of a second


def test_a_run_that_is_only_followed_anew_is_not_taken_for_a_fast_one(task: Task) -> None:
    events: list[tuple[float, Event]] = [
        (0, stage(StageName.STARTING)),
        (10, stage(StageName.WINDOW)),
        (20, step(1, 0)),
        (30, step(2, 0)),
        (300, stage(StageName.STARTING)),  # the server was started anew
        (301, stage(StageName.WINDOW)),
        (302, step(3, 0, eta_s=50)),
    ]
    assert read(task.plan, events, now=302).left_s == 50
    shown = read(task.plan, [*events, (312, step(4, 0, eta_s=40))], now=312)
    assert shown.left_s == pytest.approx(40 * (1 - shown.share) / shown.share)


def test_waiting_in_the_queue_has_no_time_left_and_takes_none(task: Task) -> None:
    waiting = read(task.plan, [(0, stage(StageName.QUEUED))], now=9)
    assert (waiting.left_s, waiting.elapsed_s) == (None, 0)
    events: list[tuple[float, Event]] = [
        (0, stage(StageName.QUEUED)),
        (9, stage(StageName.STARTING)),
    ]
    assert read(task.plan, events, now=11).elapsed_s == 2


def course(plan: Plan, steps: int, start_s: float, step_s: float) -> list[tuple[float, Event]]:
    """A run that takes `start_s` until the first window, `step_s` for a step of a full one (of a
    draft: of 81 new frames), and then some for each film and for the sound, which ends it."""
    now, events = 4.0, [(0.0, stage(StageName.QUEUED)), (4.0, stage(StageName.STARTING))]
    out: list[tuple[float, Event]] = [*events]
    now += start_s
    for index, window in enumerate(plan.windows):
        frames = len(plan.new_frames(index)) if plan.quality == "draft" else window.frames
        out.append((now, stage(StageName.WINDOW)))
        for done in range(1, steps + 1):
            now += step_s * frames / 81
            out.append((now, Step(done, steps, index, len(plan.windows))))
        now += 0.4 * step_s
        out.append((now, WindowDone(index, "", plan.new_frames(index).stop)))
    out.append((now, stage(StageName.FINISHING)))
    return [*out, (now + 0.3 * step_s, Failed("end", "The end."))]


@pytest.mark.parametrize("seconds", [2.0, 7.4, 39.9])
@pytest.mark.parametrize(
    ("quality", "steps", "start_s", "step_s"),
    [
        ("fast", 4, 9, 8.0),
        ("balanced", 8, 15, 3.2),
        ("balanced", 8, 45, 9.0),  # a cold start, a slow card
        ("best", 40, 15, 6.0),
        ("draft", 12, 0.6, 0.1),
    ],
)
def test_after_the_first_fifth_and_step_the_time_left_is_within_a_third_of_the_truth(
    task: Task, seconds: float, quality: str, steps: int, start_s: float, step_s: float
) -> None:
    recording = replace(task.request.recordings[0], samples=round(48_000 * seconds))
    request = replace(task.request, recordings=(recording,), quality=quality)
    plan = make_plan(request, 120)
    events = course(plan, steps, start_s, step_s)
    began, end = events[1][0], events[-1][0]
    looks = 400
    for look in range(looks // 5, looks):
        now = began + (end - began) * look / looks
        so_far = [(time, event) for time, event in events if time <= now]
        shown, truth = read(plan, so_far, now), end - now
        if shown.newest_step and truth > max(0.05 * (end - began), 3 * step_s):
            assert shown.left_s == pytest.approx(truth, rel=1 / 3), (look, so_far[-1])


def test_the_newest_preview_is_shown(task: Task) -> None:
    frame = Frame("frames/latest.jpg")
    events: list[tuple[float, Event]] = [(1, frame), (2, step(1, 0)), (3, frame)]
    assert read(task.plan, events, now=4).preview == 2


def test_windows_fill_one_after_the_other(task: Task) -> None:
    frames = [len(task.plan.new_frames(index)) for index in range(2)]
    assert progress.compute_window_shares(task.plan, 0) == [(frames[0], 0), (frames[1], 0)]
    middle = (frames[0] + frames[1] / 2) / task.plan.frames
    assert progress.compute_window_shares(task.plan, middle) == [
        (frames[0], 1),
        (frames[1], pytest.approx(0.5)),
    ]
    assert progress.compute_window_shares(task.plan, 1) == [(frames[0], 1), (frames[1], 1)]


def test_the_time_that_nobody_worked_is_not_counted(task: Task) -> None:
    interrupted: list[tuple[float, Event]] = [
        (0, stage(StageName.QUEUED)),
        (600, stage(StageName.STARTING)),
        (602, stage(StageName.DRAWING)),
        (610, step(1, 0)),  # the machine went down after this
    ]
    records = [Record(seq, event, at(time)) for seq, (time, event) in enumerate(interrupted)]
    a_day_later = at(90_000)
    rest = progress.compute_progress(records, task.plan, a_day_later, at_work=False)
    assert rest.elapsed_s == 10
    assert rest.stages[-1] == StageProgress(StageName.DRAWING, 8)
    again = [*interrupted, (90_000, stage(StageName.QUEUED)), (90_001, stage(StageName.STARTING))]
    assert read(task.plan, again, now=90_004).elapsed_s == 10 + 3
