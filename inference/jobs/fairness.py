"""Who comes next: people take turns, and within one person first come is first served. Pure."""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class WaitingJob:
    """A job that waits since `since`, in nanoseconds; so do `Served.last` count."""

    job: str
    owner: str
    since_ns: int


@dataclass(frozen=True)
class Usage:
    """What a person has had: `running` jobs at work, the last of all started at `last`."""

    running: int = 0
    last_ns: int = 0


def order_by_turn(waiting: Iterable[WaitingJob], served: Mapping[str, Usage]) -> list[WaitingJob]:
    """`waiting` in the order in which they will start, if nobody else comes.

    A turn goes to whoever has the fewest jobs at work, of those to whoever was served least
    recently, of those to whoever waits longest. Being served puts one behind all the others, so
    nobody waits longer than one job of each other person for each of their own.
    """
    lines: defaultdict[str, deque[WaitingJob]] = defaultdict(deque)
    for job in sorted(waiting, key=lambda job: (job.since_ns, job.job)):
        lines[job.owner].append(job)
    turns = []
    for owner, line in lines.items():
        had = served.get(owner, Usage())
        turns.append((had.running, had.last_ns, line[0].since_ns, owner))
    heapq.heapify(turns)
    now = max((had.last_ns for had in served.values()), default=0)
    out: list[WaitingJob] = []
    while turns:
        running, _, _, owner = heapq.heappop(turns)
        out.append(lines[owner].popleft())
        if lines[owner]:
            now += 1
            heapq.heappush(turns, (running + 1, now, lines[owner][0].since_ns, owner))
    return out
