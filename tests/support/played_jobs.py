"""Jobs whose workers a test plays, at the seam where a process would be started."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from inference.core.events import Event
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.task import Task
from inference.jobs import history
from inference.jobs.store import JobStore
from tests.conftest import FOUR_SECONDS, ONE_PERSON

OWNERS = ["ada", "bob", "cyd"]
QUALITIES = ["draft", "fast"]  # one of each family
REQUESTS = {name: Request(ONE_PERSON, (FOUR_SECONDS,), quality=name) for name in QUALITIES}
PLANS = {name: make_plan(request, 40) for name, request in REQUESTS.items()}


def new_task(jobs: JobStore, owner: str, quality: str = "draft") -> Task:
    return Task(REQUESTS[quality], PLANS[quality], jobs.create(owner))


@dataclass
class Played:
    """A worker that a test plays: alive as long as it holds the lock that it was given."""

    folder: Path
    descriptor: int
    pid: int
    alive: bool = True

    def wait(self) -> int:
        return 0

    def end(self, event: Event | None = None) -> None:
        """End, with `event` as the last word; without one it was killed."""
        if event:
            history.HistoryWriter(self.folder).append(event)
        os.close(self.descriptor)
        self.alive = False


@dataclass
class Workers:
    """Starts workers to be played; never two of one job."""

    played: list[Played] = field(default_factory=list)

    def launch(self, folder: Path, descriptor: int) -> Played:
        assert not any(worker.alive and worker.folder == folder for worker in self.played)
        worker = Played(folder, os.dup(descriptor), pid=1 + len(self.played))
        self.played.append(worker)
        return worker

    def of(self, folder: Path) -> Played:
        (worker,) = (one for one in self.played if one.alive and one.folder == folder)
        return worker

    def end(self, pid: int) -> None:
        """What the system does to a process that is ended."""
        if self.played[pid - 1].alive:
            self.played[pid - 1].end()
