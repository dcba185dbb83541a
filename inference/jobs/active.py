"""Jobs that wait for their turn or are worked on, and how many may wait."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.core.errors import Fault, FaultCode
from inference.core.settings import Settings
from inference.jobs import state
from inference.jobs.fairness import Usage, WaitingJob, order_by_turn
from inference.jobs.index import JobIndex
from inference.jobs.state import WAITING
from inference.jobs.turns import Turns
from presets.schema import EngineFamily

DAY_NS = 24 * 60 * 60 * 10**9
_NUMBER_WORDS = "No One Two Three Four Five Six Seven Eight Nine Ten".split()


@dataclass(frozen=True)
class ActiveJobs:
    """The jobs `waiting`, except those whose earlier worker is still ending, and those at work."""

    index: JobIndex
    waiting: Sequence[Path]
    busy: Sequence[Path]

    def find_busy(self, family: EngineFamily) -> list[Path]:
        """Return the jobs of that family that are worked on."""
        return [folder for folder in self.busy if state.read_family(folder) is family]

    def order_waiting(self, family: EngineFamily, turns: Turns) -> list[Path]:
        """Return the jobs that wait for that family, the next one first."""
        folders = {path.name: path for path in self.waiting if state.read_family(path) is family}
        waiting = [
            WaitingJob(name, self.index.read_owner(folder), read_place_ns(folder))
            for name, folder in folders.items()
        ]
        at_work = [self.index.read_owner(folder) for folder in self.find_busy(family)]
        usage = {
            owner: Usage(at_work.count(owner), turns.read_ns(owner, family))
            for owner in {job.owner for job in waiting}
        }
        return [folders[job.job] for job in order_by_turn(waiting, usage)]

    def require_space(self, owner: str, settings: Settings) -> None:
        """Raise Fault when too many jobs wait, of `owner` or of all."""
        own = sum(self.index.read_owner(folder) == owner for folder in self.waiting)
        if own >= settings.queue_per_person:
            number = _NUMBER_WORDS[own] if own < len(_NUMBER_WORDS) else str(own)
            message = f"{number} of your videos are waiting already. Wait for one, or stop one."
            if own == 1:
                message = "One of your videos is waiting already. Wait for it, or stop it."
            raise Fault(FaultCode.QUEUE_FULL, message)
        if len(self.waiting) >= settings.queue:
            message = (
                f"The queue is full ({len(self.waiting)} waiting). Try again in a few minutes."
            )
            raise Fault(FaultCode.QUEUE_FULL, message)


def read_place_ns(folder: Path) -> int:
    """Return when the job was queued, or less than any time if that is still to come.

    Such a time is damaged, or of a clock that was ahead; so the others came later.
    """
    submitted_ns = state.read_submitted_ns(folder)
    return submitted_ns if submitted_ns < time.time_ns() + DAY_NS else submitted_ns - 10**19


def find_active(index: JobIndex) -> ActiveJobs:
    """Return the active jobs; one whose owner can't be told waits in vain."""
    waiting, busy = [], []
    for folder in index.list_open():
        waits = (folder / WAITING).exists()  # read first, see `state.read_state`
        if state.is_busy(folder):
            busy.append(folder)
        elif not waits:
            index.settle(folder)
        elif index.read_owner(folder):
            waiting.append(folder)
    return ActiveJobs(index, waiting, busy)
