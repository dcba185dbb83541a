"""Jobs against a model of them: whatever is done in whatever order, the folder says what is true.

Two `JobStore` share one folder of data, as two servers do. Workers are played by the test;
`tests.jobs.test_queue` has real ones.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from inference.core.errors import Fault, FaultCode
from inference.core.events import Cancelled, Event, Failed, Finished, Stage
from inference.core.settings import Settings
from inference.core.task import OUTPUTS, Task
from inference.jobs import history, lock
from inference.jobs.store import JobStore, State
from presets.quality import PRESETS
from presets.schema import EngineFamily
from tests.support.played_jobs import OWNERS, PLANS, QUALITIES, Workers, new_task
from tests.support.scripted_engine import result

RESTING = (State.FINISHED, State.FAILED, State.CANCELLED, State.INTERRUPTED)
WINDOW = "windows/000.mp4"


@dataclass(eq=False)
class Expected:
    """A job as it should be. `submitted` counts what happened, from 1."""

    folder: Path
    owner: str
    family: EngineFamily
    submitted: int
    state: State | None = State.QUEUED  # None: deleted
    made: bool = False  # a window, since it was last started from the beginning
    kept: int = 0  # frames that the last stop kept
    asked: bool = False  # to stop


Change: TypeAlias = Callable[[JobStore, Path], None]
CHOICE = st.integers(0, 99)  # of a job: that of this number, counted round and round
SERVER = st.integers(0, 1)


def if_running(machine: "JobsMachine") -> bool:
    return bool(machine.there(State.RUNNING))


class JobsMachine(RuleBasedStateMachine):
    """Everything that pages, servers and workers do, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.workers = Workers()
        self.expected: list[Expected] = []
        self.turns: dict[tuple[str, EngineFamily], int] = {}  # when each person's last one was
        self.clock = 0
        # nothing else looks at locks here, so nobody has to wait for another's look
        self.no_wait = mock.patch.object(lock, "_PROBE_S", 0.0)
        self.no_wait.start()

    @initialize(running=st.integers(1, 2), queue=st.integers(3, 6), person=st.integers(1, 4))
    def begin(self, running: int, queue: int, person: int) -> None:
        self.settings = Settings(Path(self.scratch.name), 40, 120, running, queue, person)
        self.servers = [JobStore(self.settings, self.workers.end) for _ in range(2)]

    def teardown(self) -> None:
        self.no_wait.stop()
        for worker in self.workers.played:
            if worker.alive:
                worker.end()
        self.scratch.cleanup()

    def now(self) -> int:
        self.clock += 1
        return self.clock

    def there(self, *states: State) -> list[Expected]:
        return [job for job in self.expected if job.state in states]

    def chosen(self, number: int) -> Expected:
        """Any job; the last one that was deleted among them."""
        among = self.there(*State) + [job for job in self.expected if not job.state][-1:]
        return among[number % len(among)]

    def at_work(self, number: int) -> Expected:
        running = self.there(State.RUNNING)
        return running[number % len(running)]

    def has_room(self, owner: str) -> bool:
        waiting = [job.owner for job in self.there(State.QUEUED)]
        everyone, own = self.settings.queue, self.settings.queue_per_person
        return len(waiting) < everyone and waiting.count(owner) < own

    @rule(
        wanted=st.lists(
            st.tuples(st.sampled_from(OWNERS), st.sampled_from(QUALITIES)), min_size=1, max_size=4
        ),
        server=SERVER,
    )
    def submit(self, wanted: list[tuple[str, str]], server: int) -> None:
        for owner, quality in wanted:
            self.submit_one(self.servers[server], new_task(self.servers[server], owner, quality))

    def submit_one(self, jobs: JobStore, task: Task) -> None:
        owner, before = jobs.read_owner(task.folder), sorted(task.folder.rglob("*"))
        if self.has_room(owner):
            jobs.submit(task)
            jobs.submit(task)  # a second click
            family = PRESETS[task.plan.quality].engine
            self.expected.append(Expected(task.folder, owner, family, self.now()))
            return
        with pytest.raises(Fault) as raised:
            jobs.submit(task)
        assert raised.value.code == FaultCode.QUEUE_FULL
        assert sorted(task.folder.rglob("*")) == before
        jobs.delete(task.folder)

    @rule(server=SERVER)
    def start(self, server: int) -> None:
        before = len(self.workers.played)
        started = self.servers[server].start_due(self.workers.launch)
        assert started == self.workers.played[before:]
        due = self.due()
        assert [worker.folder for worker in self.workers.played[before:]] == [
            job.folder for job in due
        ]
        for job in due:
            window = job.folder / WINDOW
            window.parent.mkdir(exist_ok=True)
            window.write_text("made")
            job.made = True

    def due(self) -> list[Expected]:
        """The jobs that are to start now, one at a time by the rule of turns; marks them so."""
        started = []
        for family in EngineFamily:
            mine = [job for job in self.expected if job.state and job.family is family]
            while True:
                at_work = Counter(job.owner for job in mine if job.state is State.RUNNING)
                waiting = [job for job in mine if job.state is State.QUEUED]
                if not waiting or at_work.total() >= self.settings.running:
                    break
                first = {
                    owner: min((j for j in waiting if j.owner == owner), key=lambda j: j.submitted)
                    for owner in {job.owner for job in waiting}
                }
                last = {owner: self.turns.get((owner, family), 0) for owner in first}
                owner = min(first, key=lambda o: (at_work[o], last[o], first[o].submitted))
                first[owner].state = State.RUNNING
                self.turns[owner, family] = self.now()
                started.append(first[owner])
        return started

    @precondition(if_running)
    @rule(number=CHOICE)
    def finish(self, number: int) -> None:
        self.end_worker(self.at_work(number), Finished(result(PLANS["draft"])), State.FINISHED)

    @precondition(if_running)
    @rule(number=CHOICE)
    def fail(self, number: int) -> None:
        self.end_worker(self.at_work(number), Failed("internal", "Broke."), State.FAILED)

    @precondition(if_running)
    @rule(number=CHOICE)
    def kill(self, number: int) -> None:
        self.end_worker(self.at_work(number), None, State.INTERRUPTED)

    @precondition(if_running)
    @rule(number=CHOICE, frames=st.sampled_from([0, 57]))
    def heed(self, number: int, frames: int) -> None:
        """A worker that was asked to stop does."""
        job = self.at_work(number)
        if job.asked:
            job.kept = frames
            self.end_worker(job, Cancelled(frames), State.CANCELLED)

    def end_worker(self, job: Expected, event: Event | None, state: State) -> None:
        self.workers.of(job.folder).end(event)
        job.state = state

    @precondition(lambda self: self.expected)
    @rule(number=CHOICE, server=SERVER)
    def cancel(self, number: int, server: int) -> None:
        job = self.chosen(number)
        self.servers[server].cancel(job.folder)
        if job.state is State.RUNNING:
            job.asked = True
        elif job.state is State.QUEUED:
            job.state = State.CANCELLED
            newest = history.read_last(job.folder)
            assert newest and newest.event == Cancelled(job.kept)

    @precondition(lambda self: self.expected)
    @rule(number=CHOICE, server=SERVER)
    def resume(self, number: int, server: int) -> None:
        job = self.chosen(number)
        before = history.read_records(job.folder)
        again = job.state in RESTING and job.state is not State.FINISHED
        self.put_again(job, self.servers[server], JobStore.resume, again)
        assert history.read_records(job.folder)[: len(before)] == before

    @precondition(lambda self: self.expected)
    @rule(number=CHOICE, server=SERVER)
    def restart(self, number: int, server: int) -> None:
        job = self.chosen(number)
        again = job.state in RESTING and job.state is not State.FINISHED
        if self.put_again(job, self.servers[server], JobStore.restart, again):
            job.kept, job.made = 0, False
            assert not any((job.folder / name).exists() for name in OUTPUTS)
            (record,) = history.read_records(job.folder)
            assert isinstance(record.event, Stage)

    def put_again(self, job: Expected, jobs: JobStore, change: Change, again: bool) -> bool:
        """Whether `change` put the job in the queue, as it has to when `again` and there is
        room."""
        if again and not self.has_room(job.owner):
            with pytest.raises(Fault):
                change(jobs, job.folder)
            return False
        change(jobs, job.folder)
        if again:
            job.state, job.submitted, job.asked = State.QUEUED, self.now(), False
        return again

    @precondition(lambda self: self.expected)
    @rule(number=CHOICE, server=SERVER)
    def delete(self, number: int, server: int) -> None:
        job = self.chosen(number)
        self.servers[server].delete(job.folder)
        job.state = None

    @rule(server=SERVER, days=st.sampled_from([0, 6, 8]))
    def sweep(self, server: int, days: int) -> None:
        self.servers[server].sweep(datetime.now(UTC) + timedelta(days=days))
        if days > self.settings.keep_days:
            self.turns.clear()
            for job in self.there(*RESTING):
                job.state = None

    @invariant()
    def every_server_says_what_is_true(self) -> None:
        for jobs in self.servers:
            for job in self.expected:
                if job.state is None:
                    assert jobs.find_folder(job.folder.name) is None
                    assert not job.folder.exists()
                    continue
                assert jobs.find_folder(job.folder.name) == job.folder
                assert jobs.read_owner(job.folder) == job.owner
                assert jobs.read_state(job.folder) is job.state
                assert jobs.is_cancelled(job.folder) == job.asked
                assert (job.folder / WINDOW).exists() == job.made
            for owner in OWNERS:
                own = [job for job in self.expected if job.state and job.owner == owner]
                newest_first = sorted(own, key=lambda job: -job.submitted)
                assert jobs.list_owned(owner) == [job.folder for job in newest_first]

    @invariant()
    def places_are_counted_without_gaps_and_in_one_s_own_order(self) -> None:
        for family in EngineFamily:
            mine = [job for job in self.expected if job.state and job.family is family]
            places = {job: self.servers[0].find_place(job.folder) for job in mine}
            waiting = [job for job in mine if job.state is State.QUEUED]
            assert all(places[job] is None for job in mine if job not in waiting)
            assert {places[job] for job in waiting} == set(range(1, len(waiting) + 1))
            for owner in OWNERS:
                own = sorted((j for j in waiting if j.owner == owner), key=lambda j: j.submitted)
                numbers = [places[job] or 0 for job in own]
                assert numbers == sorted(numbers)

    @invariant()
    def nobody_works_but_on_running_jobs_and_not_too_many(self) -> None:
        alive = Counter(worker.folder for worker in self.workers.played if worker.alive)
        running = self.there(State.RUNNING)
        assert alive == Counter(job.folder for job in running)
        families = Counter(job.family for job in running)
        assert all(count <= self.settings.running for count in families.values())

    @invariant()
    def nothing_else_lies_about(self) -> None:
        root = self.settings.data / "jobs"
        there = {path for path in root.iterdir()} if root.exists() else set()
        assert there == {job.folder for job in self.expected if job.state}


TestJobs = JobsMachine.TestCase
TestJobs.settings = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
