"""Progress to show, computed from a job's history. Pure: the clock is an argument."""

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

_MIN_SHARE_LEFT = 0.3  # of a plan's time; with less left before the first step it is wrong
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

    `share` of the frames done, 0 to 1. `left_s` is None if it can't be estimated. `preview` numbers
    the newest preview frame, None before the first. `newest_step` and `newest_window` are the
    newest step and finished window; `windows_s` holds each finished window's duration. `fault` is
    the first quality fault found in a window, `note` the newest note of a stage.
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


def compute_progress(
    records: Sequence[Record], plan: Plan, now: datetime, at_work: bool = True
) -> Progress:
    """Return the progress at `now`, which is timezone-aware.

    `at_work`: whether a process runs the job, or will.
    """
    steps = [record for record in records if isinstance(record.event, Step)]
    windows = [record for record in records if isinstance(record.event, Window)]
    notes = [record.event.note for record in records if isinstance(record.event, Stage)]
    events = [record.event for record in records]
    faults = {event.index: event.fault for event in events if isinstance(event, Window)}
    frames = [record.seq for record in records if isinstance(record.event, Frame)]
    last = records[-1].event if records else None
    final = last if isinstance(last, FINAL) else None
    ends = _find_stage_ends(records, at_work and final is None)
    return Progress(
        stages=_list_stages(ends),
        share=1.0 if isinstance(final, Finished) else _compute_share(steps, plan),
        left_s=_estimate_left_s(_select_current_run(records), plan, now),
        elapsed_s=_compute_elapsed_s(ends, now),
        preview=frames[-1] if frames else None,
        final=final,
        newest_step=_get_newest(steps, Step),
        newest_window=_get_newest(windows, Window),
        windows_s=_measure_windows_s(records),
        fault=next(filter(None, faults.values()), None),
        note=next(filter(None, reversed(notes)), None),
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
    """Return each stage once, in order of its first start; repeated stages add up."""
    seconds: dict[StageName, float | None] = {}
    usual: dict[StageName, float | None] = {}
    for record, end in ends:
        assert isinstance(record.event, Stage)
        name, before = record.event.name, seconds.get(record.event.name) or 0.0
        seconds[name] = None if end is None else before + (end - record.time).total_seconds()
        usual[name] = record.event.usual_s
    return tuple(StageProgress(name, lasted, usual[name]) for name, lasted in seconds.items())


def _compute_share(steps: Sequence[Record], plan: Plan) -> float:
    if not steps:
        return 0.0
    step = steps[-1].event
    assert isinstance(step, Step)
    new = plan.new_frames(min(step.window, len(plan.windows) - 1))
    return (new.start + len(new) * step.done / max(step.total, 1)) / plan.frames


def _compute_elapsed_s(ends: Sequence[tuple[Record, datetime | None]], now: datetime) -> float:
    """Return the working time: all stages without those in the queue."""
    worked = ((record, end or now) for record, end in ends if not _is_queued(record))
    return sum((end - record.time).total_seconds() for record, end in worked)


def _is_queued(record: Record) -> bool:
    return isinstance(record.event, Stage) and record.event.name is StageName.QUEUED


def _select_current_run(records: Sequence[Record]) -> Sequence[Record]:
    """Return the records since the job last left the queue."""
    queued = [index for index, record in enumerate(records) if _is_queued(record)]
    return records[queued[-1] + 1 :] if queued else records


def _estimate_left_s(run: Sequence[Record], plan: Plan, now: datetime) -> float | None:
    """Return the time left at this run's speed; before the first step, the plan's estimate.

    Returns None in the queue, and when the plan's time has nearly passed before the first step: the
    plan was wrong then.
    """
    steps = [index for index, record in enumerate(run) if isinstance(record.event, Step)]
    if not run:
        return None
    if not steps:
        left = plan.estimate.seconds - (now - run[0].time).total_seconds()
        return left if left > _MIN_SHARE_LEFT * plan.estimate.seconds else None
    first, newest = run[steps[0]].event, run[steps[-1]]
    assert isinstance(first, Step) and isinstance(newest.event, Step)
    began = next((r.time for r in reversed(run[: steps[0]]) if isinstance(r.event, Stage)), None)
    done = _compute_done_work(newest.event, plan)
    before = (
        _compute_done_work(replace(first, done=0), plan)
        if began
        else _compute_done_work(first, plan)
    )
    took = (newest.time - (began or run[steps[0]].time)).total_seconds()
    if done <= before:
        return newest.event.eta_s
    return max(0.0, took / (done - before) * (1 - done) - (now - newest.time).total_seconds())


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
