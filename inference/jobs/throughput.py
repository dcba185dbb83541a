"""Notes how fast a job went, for the estimates of those to come; see
`inference.core.cost_model`."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from inference.core.cost_model import THROUGHPUT_FILE, Throughput, read_runs
from inference.core.events import Finished, Record, Stage, Step, Window
from inference.core.plan import compute_window_work
from inference.core.task import Task
from inference.jobs import history, lock

_LOCK = "pace.lock"
_KEPT_RUNS = 5  # kept of each quality: the median forgives two odd ones, and follows a change soon
_TRANSFER_S = 10.0  # word and files between another machine and this one, at the most


def record_run(data: Path, task: Task, maker: str, after: int = -1) -> None:
    """Add a run of `task`, by `maker`, to those in `data`, if it tells something.

    The run's records are those above number `after` in the history of the task's folder. Several
    processes may do this at a time. Raises OSError.
    """
    pace = measure_throughput(task, history.read_records(task.folder, after))
    if pace is None:
        return
    with lock.hold(data / _LOCK):
        runs = read_runs(data)
        of_maker = runs.setdefault(maker, {})
        of_maker[task.plan.quality] = [*of_maker.get(task.plan.quality, []), pace][-_KEPT_RUNS:]
        part = data / f"{THROUGHPUT_FILE}.part"
        part.write_text(json.dumps(runs, default=asdict, indent=1))
        os.replace(part, data / THROUGHPUT_FILE)


def measure_throughput(task: Task, run: Sequence[Record]) -> Throughput | None:
    """How fast a run of `task` went, whose records begin with the stage that it starts with.

    None when that tells nothing: it made no window, did not finish, or its events were not heard as
    they happened, which shows beside the time that it took by its engine's own clock.
    """
    result = run[-1].event.result if run and isinstance(run[-1].event, Finished) else None
    windows = _find_rendered_windows(run)
    if result is None or not windows:
        return None
    began = min(start for start, _ in windows.values())
    finishing_s = _seconds_between(max(end for _, end in windows.values()), run[-1].time)
    making_s = sum(_seconds_between(start, end) for start, end in windows.values()) + finishing_s
    heard_late = _seconds_between(run[0].time, run[-1].time) < 0.99 * result.seconds
    slept_between = making_s > result.seconds + _TRANSFER_S
    if heard_late or slept_between:
        return None
    plan = task.plan
    work = sum(
        compute_window_work(task.request.sampling, plan.windows, index, len(plan.speakers))
        for index in windows
    )
    try:
        return Throughput(round(_seconds_between(run[0].time, began), 3), round(making_s / work, 4))
    except ValueError:  # the machine's clock was set back
        return None


def _find_rendered_windows(run: Sequence[Record]) -> dict[int, tuple[datetime, datetime]]:
    """The windows that were made in the run, each with its beginning and its end.

    One that was there already is told of without steps.
    """
    made: dict[int, tuple[datetime, datetime]] = {}
    since, stepped = run[0].time if run else None, set()
    for record in run:
        event = record.event
        if isinstance(event, Step):
            stepped.add(event.window)
        elif isinstance(event, Window) and event.index in stepped and since:
            made.setdefault(event.index, (since, record.time))
        if isinstance(event, (Stage, Window)):
            since = record.time
    return made


def _seconds_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
