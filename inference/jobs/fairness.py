"""Order of the queue: owners take turns, and each owner's jobs run first come, first served."""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class WaitingJob:
    """A queued job, with the time at which it was queued."""

    job: str
    owner: str
    since_ns: int


@dataclass(frozen=True)
class Usage:
    """An owner's number of running jobs, and when the last of all their jobs started."""

    running: int = 0
    last_ns: int = 0


def order_by_turn(waiting: Iterable[WaitingJob], usage: Mapping[str, Usage]) -> list[WaitingJob]:
    """Return `waiting` in the order in which the jobs will start, if no other job is queued.

    A turn goes to the owner with the fewest running jobs, then to the one served least recently,
    then to the one that waits longest. Each turn puts its owner behind all others, so an owner
    waits for at most one job of each other owner per job of their own.
    """
    lines: defaultdict[str, deque[WaitingJob]] = defaultdict(deque)
    for job in sorted(waiting, key=lambda job: (job.since_ns, job.job)):
        lines[job.owner].append(job)
    turns = []
    for owner, line in lines.items():
        used = usage.get(owner, Usage())
        turns.append((used.running, used.last_ns, line[0].since_ns, owner))
    heapq.heapify(turns)
    now_ns = max((used.last_ns for used in usage.values()), default=0)
    ordered: list[WaitingJob] = []
    while turns:
        running, _, _, owner = heapq.heappop(turns)
        ordered.append(lines[owner].popleft())
        if lines[owner]:
            now_ns += 1
            heapq.heappush(turns, (running + 1, now_ns, lines[owner][0].since_ns, owner))
    return ordered
