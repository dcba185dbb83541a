"""Progress to show, computed from a job's history. Pure: the clock is an argument."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from inference.core.events import (
    FINAL,
    Cancelled,
    Failed,
    Finished,
    Frame,
    Record,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.core.plan import Plan
from presets.quality import PRESETS

_EventT = TypeVar("_EventT", Step, Window)


@dataclass(frozen=True)
class StageProgress:
    """One line of the list of stages.

    `seconds` is None while the stage runs. `usual_s` is its duration in past runs, None if unknown.
    """

    name: StageName
    seconds: float | None
    usual_s: float | None = None


@dataclass(frozen=True)
class Progress:
    """Progress of a job at one moment.

    `stages` end with the newest. `share` of the frames done, 0 to 1. `left_s` is None in the queue;
    `later_s` of it begin only with the first window.
    `preview` numbers the newest preview frame, None before the first. `newest_step` is that of the
    window being made, None before its first; `newest_window` the newest finished window;
    `windows_s` holds each finished window's duration. `fault` is the first quality fault found in a
    window, `note` the newest note of a stage.
    """

    stages: tuple[StageProgress, ...]
    share: float
    left_s: float | None
    elapsed_s: float
    preview: int | None
    final: Finished | Failed | Cancelled | None
    newest_step: Step | None
    newest_window: Window | None
    windows_s: tuple[float, ...]
    fault: str | None = None
    note: str | None = None
    later_s: float = 0.0

    @property
    def windows_done(self) -> int:
        """Number of finished windows."""
        return self.newest_window.index + 1 if self.newest_window else 0

    @property
    def stage(self) -> StageName | None:
        """Newest stage: the one that goes on, or in which the work ended; None before the first."""
        return self.stages[-1].name if self.stages else None


def compute_progress(
    records: Sequence[Record], plan: Plan, now: datetime, at_work: bool = True
) -> Progress:
    """Return the progress at `now`, which is timezone-aware.

    `at_work`: whether a process runs the job, or will.
    """
    run = _select_current_run(records)
    windows = [record for record in records if isinstance(record.event, Window)]
    notes = [record.event.note for record in records if isinstance(record.event, Stage)]
    events = [record.event for record in records]
    faults = {event.index: event.fault for event in events if isinstance(event, Window)}
    frames = [record.seq for record in records if isinstance(record.event, Frame)]
    last = records[-1].event if records else None
    final = last if isinstance(last, FINAL) else None
    ends = _find_stage_ends(records, at_work and final is None)
    window = _get_newest(windows, Window)
    step = _find_newest_step(run, window)
    left_s, later_s = _estimate_left_s(run, window, plan, now)
    return Progress(
        stages=_list_stages(ends),
        share=1.0 if isinstance(final, Finished) else _compute_share(step, window, plan),
        left_s=left_s,
        elapsed_s=_compute_elapsed_s(ends, now),
        preview=frames[-1] if frames else None,
        final=final,
        newest_step=step,
        newest_window=window,
        windows_s=_measure_windows_s(records),
        fault=next(filter(None, faults.values()), None),
        note=next(filter(None, reversed(notes)), None),
        later_s=later_s,
    )


def compute_window_shares(plan: Plan, share: float) -> list[tuple[int, float]]:
    """Return for each window the number of its new frames and the share of them that is done.

    `share` is the share of all frames that is done.
    """
    done, out = share * plan.frames, []
    for index in range(len(plan.windows)):
        new = plan.new_frames(index)
        out.append((len(new), min(max((done - new.start) / len(new), 0.0), 1.0)))
    return out


def _get_newest(records: Sequence[Record], kind: type[_EventT]) -> _EventT | None:
    event = records[-1].event if records else None
    return event if isinstance(event, kind) else None


def _find_newest_step(run: Sequence[Record], window: Window | None) -> Step | None:
    """Return the newest step of the run, unless its window is finished."""
    step = _get_newest([record for record in run if isinstance(record.event, Step)], Step)
    return None if step and window and step.window <= window.index else step


def _measure_windows_s(records: Sequence[Record]) -> tuple[float, ...]:
    """Return each finished window's duration, since the window before or since the newest other
    stage began.
    """
    lasted: dict[int, float] = {}
    since: datetime | None = None
    for record in records:
        if isinstance(record.event, Window):
            lasted[record.event.index] = (record.time - since).total_seconds() if since else 0.0
        if isinstance(record.event, (Window, Stage)):
            since = record.time
    return tuple(lasted[index] for index in sorted(lasted))


def _find_stage_ends(
    records: Sequence[Record], at_work: bool
) -> list[tuple[Record, datetime | None]]:
    """Return each stage's record with its end, None for the stage that still runs.

    A stage ends with the next stage. Before a restart in the queue, and once the work has ended, it
    ends with the last event.
    """
    out: list[tuple[Record, datetime | None]] = []
    for before, record in pairwise([None, *records]):
        if record is None or not isinstance(record.event, Stage):
            continue
        if out:
            end = before.time if before and _is_queued(record) else record.time
            out[-1] = out[-1][0], end
        out.append((record, None))
    if out and not at_work:
        out[-1] = out[-1][0], records[-1].time
    return out


def _list_stages(ends: Sequence[tuple[Record, datetime | None]]) -> tuple[StageProgress, ...]:
    """Return each stage once, in order of its last start; repeated stages add up."""
    seconds: dict[StageName, float | None] = {}
    usual: dict[StageName, float | None] = {}
    for record, end in ends:
        assert isinstance(record.event, Stage)
        name, before = record.event.name, seconds.pop(record.event.name, None) or 0.0
        seconds[name] = None if end is None else before + (end - record.time).total_seconds()
        usual[name] = record.event.usual_s
    return tuple(StageProgress(name, lasted, usual[name]) for name, lasted in seconds.items())


def _compute_share(step: Step | None, window: Window | None, plan: Plan) -> float:
    """Return the share of the frames in finished windows and, by its steps, in the one under way.

    A window that was broken off begins again with the next run.
    """
    if step is None:
        return min(window.frames_done / plan.frames, 1.0) if window else 0.0
    new = plan.new_frames(min(step.window, len(plan.windows) - 1))
    return (new.start + len(new) * step.done / max(step.total, 1)) / plan.frames


def _compute_elapsed_s(ends: Sequence[tuple[Record, datetime | None]], now: datetime) -> float:
    """Return the working time: all stages without those in the queue."""
    worked = ((record, end or now) for record, end in ends if not _is_queued(record))
    return sum((end - record.time).total_seconds() for record, end in worked)


def _is_queued(record: Record) -> bool:
    return isinstance(record.event, Stage) and record.event.name is StageName.QUEUED


def _select_current_run(records: Sequence[Record]) -> Sequence[Record]:
    """Return the records since the job last left the queue, or was started on another machine."""
    begins = (StageName.QUEUED, StageName.STARTING)
    starts = [
        index
        for index, record in enumerate(records)
        if isinstance(record.event, Stage) and record.event.name in begins
    ]
    since = starts[-1] if starts else 0
    return records[since + 1 :] if starts and _is_queued(records[since]) else records[since:]


def _estimate_left_s(
    run: Sequence[Record], window: Window | None, plan: Plan, now: datetime
) -> tuple[float | None, float]:
    """Return the time left, None in the queue, and how much of it begins with the first window.

    It is told by the plan before the run's first step, then by the speed of its steps. The rest of
    it runs down like a clock at first, and the slower the later the next event comes: it neither
    stands still nor ends before the work does.
    """
    if not run:
        return None, 0.0
    steps = [index for index, record in enumerate(run) if isinstance(record.event, Step)]
    if steps:
        since, left_s, later_s = run[steps[-1]].time, _estimate_by_steps(run, steps, plan), 0.0
    else:
        finished = _compute_done_work(Step(1, 1, window.index, 0), plan) if window else 0.0
        since, left_s = run[0].time, plan.estimate.start_s
        later_s = (plan.estimate.seconds - left_s) * (1 - finished)
    passed_s = max((now - since).total_seconds(), 0.0)
    return later_s + (left_s and left_s * math.exp(-passed_s / left_s)), later_s


def _estimate_by_steps(run: Sequence[Record], steps: Sequence[int], plan: Plan) -> float:
    """Return the time left at the newest step; `steps` are the indices of all in the run."""
    first, newest = run[steps[0]].event, run[steps[-1]].event
    assert isinstance(first, Step) and isinstance(newest, Step)
    began, before = run[steps[0]].time, _compute_done_work(first, plan)
    stages = [record for record in run[: steps[0]] if isinstance(record.event, Stage)]
    if first.done == 1 and stages:  # else its window may have begun before these records
        began, before = stages[-1].time, _compute_done_work(replace(first, done=0), plan)
    took_s, done = (run[steps[-1]].time - began).total_seconds(), _compute_done_work(newest, plan)
    if done > before:
        return max(took_s, 0.0) / (done - before) * (1 - done)
    planned_s = (plan.estimate.seconds - plan.estimate.start_s) * (1 - done)
    return planned_s if newest.eta_s is None else newest.eta_s


def _compute_done_work(step: Step, plan: Plan) -> float:
    """Return the share of all work, 0 to 1, that is done after `step`.

    Engines on the CPU draw each frame once; MultiTalk also generates the frames in which windows
    overlap.
    """
    lengths = [float(window.frames) for window in plan.windows]
    if not PRESETS[plan.quality].engine.needs_gpu:
        lengths = [float(len(plan.new_frames(index))) for index in range(len(plan.windows))]
    window = min(step.window, len(lengths) - 1)
    done = sum(lengths[:window]) + lengths[window] * step.done / max(step.total, 1)
    return done / sum(lengths)
