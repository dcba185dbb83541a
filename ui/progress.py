"""From a job's history to what its progress shows. Pure: the clock is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inference.events import (
    FINAL,
    Cancelled,
    Failed,
    Finished,
    Frame,
    Record,
    Stage,
    StageName,
    Step,
)
from inference.plan import Plan

_DOUBTFUL = 0.3  # part of a plan's time


@dataclass(frozen=True)
class StageShown:
    """One line of the list of stages; `seconds` is None while it lasts."""

    name: StageName
    seconds: float | None


@dataclass(frozen=True)
class Progress:
    """`share` of the frames done, 0 to 1; `left_s` None when nothing tells.

    `preview` numbers the newest preview frame, None before the first.
    """

    stages: tuple[StageShown, ...]
    share: float
    left_s: float | None
    elapsed_s: float
    preview: int | None
    final: Finished | Failed | Cancelled | None


def read(records: Sequence[Record], plan: Plan, started: datetime, now: datetime) -> Progress:
    """What to show at `now` of a job started at `started`; both are aware of their zone."""
    stages = [record for record in records if isinstance(record.event, Stage)]
    steps = [record for record in records if isinstance(record.event, Step)]
    frames = [record.seq for record in records if isinstance(record.event, Frame)]
    last = records[-1].event if records else None
    final = last if isinstance(last, FINAL) else None
    ended = records[-1].time if final else None
    return Progress(
        stages=_stages(stages, ended),
        share=1.0 if isinstance(final, Finished) else _share(steps, plan),
        left_s=_left_s(stages, steps, plan, started, now),
        elapsed_s=((ended or now) - started).total_seconds(),
        preview=frames[-1] if frames else None,
        final=final,
    )


def window_shares(plan: Plan, share: float) -> list[tuple[int, float]]:
    """For each window its new frames and how much of them is done, when `share` of all is."""
    done, out = share * plan.frames, []
    for index in range(len(plan.windows)):
        new = plan.new_frames(index)
        out.append((len(new), min(max((done - new.start) / len(new), 0.0), 1.0)))
    return out


def _stages(stages: Sequence[Record], ended: datetime | None) -> tuple[StageShown, ...]:
    """Each stage once, in the order of its first start; a stage that comes again goes on."""
    ends = [*(record.time for record in stages[1:]), ended]
    seconds: dict[StageName, float | None] = {}
    for record, end in zip(stages, ends, strict=False):  # no stage yet: one end too many
        assert isinstance(record.event, Stage)
        name, before = record.event.name, seconds.get(record.event.name) or 0.0
        seconds[name] = None if end is None else before + (end - record.time).total_seconds()
    return tuple(StageShown(name, lasted) for name, lasted in seconds.items())


def _share(steps: Sequence[Record], plan: Plan) -> float:
    if not steps:
        return 0.0
    step = steps[-1].event
    assert isinstance(step, Step)
    new = plan.new_frames(min(step.window, len(plan.windows) - 1))
    return (new.start + len(new) * step.done / max(step.total, 1)) / plan.frames


def _left_s(
    stages: Sequence[Record],
    steps: Sequence[Record],
    plan: Plan,
    started: datetime,
    now: datetime,
) -> float | None:
    """The last step's own estimate, or the plan's before there is one, less the time since.

    A plan whose time is nearly over before the first step was wrong, so it tells nothing.
    """
    last = stages[-1].event if stages else None
    if isinstance(last, Stage) and last.name is StageName.QUEUED:
        return None
    if not steps:
        left = plan.estimate.seconds - (now - started).total_seconds()
        return left if left > _DOUBTFUL * plan.estimate.seconds else None
    step = steps[-1].event
    assert isinstance(step, Step)
    if step.eta_s is None:
        return None
    return max(0.0, step.eta_s - (now - steps[-1].time).total_seconds())
