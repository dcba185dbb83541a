"""Measured throughput of finished jobs, which improves the estimates of later ones.

See `inference.core.cost_model`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from inference.core.cost_model import THROUGHPUT_FILE, Throughput, read_runs
from inference.core.events import Finished, Record, Stage, Step, Window
from inference.core.files import write_whole
from inference.core.plan import compute_window_work
from inference.core.task import Task
from inference.jobs import history, lock

_LOCK = "pace.lock"
_KEPT_RUNS = 5  # per quality: the median ignores two outliers, and follows a change soon
_TRANSFER_S = 10.0  # upper limit for moving events and files between machines


def record_run(data: Path, task: Task, maker: str, after: int = -1) -> None:
    """Add the throughput of a run of `task` by `maker` to those stored in `data`.

    The run's records are those numbered above `after`. Runs that can't be measured are left out.
    Several processes may call this at a time. Raises OSError.
    """
    measured = measure_throughput(task, history.read_records(task.folder, after))
    if measured is None:
        return
    with lock.hold(data / _LOCK):
        runs = read_runs(data)
        by_quality = runs.setdefault(maker, {})
        earlier = by_quality.get(task.plan.quality, [])
        by_quality[task.plan.quality] = [*earlier, measured][-_KEPT_RUNS:]
        write_whole(data / THROUGHPUT_FILE, json.dumps(runs, default=asdict, indent=1))


def measure_throughput(task: Task, run: Sequence[Record]) -> Throughput | None:
    """Return the throughput of a run of `task`, whose records begin with its first stage.

    Returns None when it can't be measured: no window was rendered, the run did not finish, or its
    events were recorded with a delay, as a comparison with the engine's own clock shows.
    """
    result = run[-1].event.result if run and isinstance(run[-1].event, Finished) else None
    windows = _find_rendered_windows(run)
    if result is None or not windows:
        return None
    began = min(start for start, _ in windows.values())
    finishing_s = _seconds_between(max(end for _, end in windows.values()), run[-1].time)
    work_s = sum(_seconds_between(start, end) for start, end in windows.values()) + finishing_s
    recorded_late = _seconds_between(run[0].time, run[-1].time) < 0.99 * result.seconds
    slept_between = work_s > result.seconds + _TRANSFER_S
    if recorded_late or slept_between:
        return None
    plan = task.plan
    work = sum(
        compute_window_work(
            task.request.sampling, plan.windows, index, len(plan.speakers), task.request.frame
        )
        for index in windows
    )
    try:
        return Throughput(round(_seconds_between(run[0].time, began), 3), round(work_s / work, 4))
    except ValueError:  # the machine's clock was set back
        return None


def _find_rendered_windows(run: Sequence[Record]) -> dict[int, tuple[datetime, datetime]]:
    """Return start and end of each window that was rendered in the run.

    A window of an earlier run is reported without steps, and left out.
    """
    rendered: dict[int, tuple[datetime, datetime]] = {}
    since, stepped = run[0].time if run else None, set()
    for record in run:
        event = record.event
        if isinstance(event, Step):
            stepped.add(event.window)
        elif isinstance(event, Window) and event.index in stepped and since:
            rendered.setdefault(event.index, (since, record.time))
        if isinstance(event, (Stage, Window)):
            since = record.time
    return rendered


def _seconds_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
