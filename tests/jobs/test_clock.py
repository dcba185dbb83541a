"""Nothing expires by a clock that jumps."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.core.settings import Settings
from inference.jobs.clock import EVEN_S, ExpiryClock
from inference.jobs.fairness import Usage
from inference.jobs.state import SUBMITTED
from inference.jobs.store import JobStore
from inference.jobs.turns import Turns
from presets.schema import EngineFamily
from tests.support.clocks import Clock
from tests.support.played_jobs import Workers, new_task

HOUR_S, DAY_S, YEAR_S = 3600.0, 86_400.0, 31_536_000.0


class Machine:
    """Its clock can be set; the time that passes can't."""

    def __init__(self, data: Path) -> None:
        self.clock, self.elapsed = Clock(), Clock(0.0)
        self._data = data
        self.start()

    def start(self, away_s: float = DAY_S) -> None:
        """A server starts."""
        self.server = ExpiryClock(self._data, away_s, self.clock, self.elapsed)

    def pass_time(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.elapsed.now_s += seconds

    def count_hours_of_doubt(self) -> int:
        hours = 0
        while self.server.read() is None:
            self.pass_time(HOUR_S)
            hours += 1
        return hours


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_clock_that_goes_evenly_is_believed(machine: Machine) -> None:
    for _ in range(3):
        assert machine.server.read() == datetime.fromtimestamp(machine.clock.now_s, UTC)
        machine.pass_time(HOUR_S + 5)


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S, 2 * HOUR_S])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_jump_for_an_hour_lets_nothing_expire(
    machine: Machine, jump_s: float, restarts: bool
) -> None:
    assert machine.server.read()
    machine.clock.now_s += jump_s
    if restarts and jump_s != 2 * HOUR_S:  # no longer than nobody looked
        machine.start()
    assert machine.server.read() is None or restarts
    machine.pass_time(HOUR_S)
    assert machine.server.read() is None or jump_s == 2 * HOUR_S
    machine.clock.now_s -= jump_s
    assert machine.server.read() is None
    assert machine.count_hours_of_doubt() == EVEN_S / HOUR_S


def test_a_clock_that_was_set_right_is_believed_after_a_while(machine: Machine) -> None:
    machine.server.read()
    machine.clock.now_s += YEAR_S
    for _ in range(4):  # servers that run for less are enough, too
        assert machine.server.read() is None
        machine.pass_time(EVEN_S / 4)
        assert machine.server.read() is None or _ == 3
        machine.start()
    assert machine.server.read()


def test_a_machine_that_was_off_for_a_night_is_believed(machine: Machine) -> None:
    machine.server.read()
    machine.pass_time(DAY_S / 2)
    machine.start()
    assert machine.server.read()
    machine.pass_time(30 * DAY_S)
    machine.start()
    assert machine.server.read() is None
    machine.pass_time(30 * DAY_S)
    machine.start(away_s=float("inf"))
    machine.pass_time(EVEN_S)
    assert machine.server.read()


@pytest.mark.parametrize("hours", [1, 5])
def test_hours_of_servers_that_run_every_second_day_add_up(machine: Machine, hours: int) -> None:
    machine.server.read()
    seen = []
    for _ in range(3):
        machine.pass_time(2 * DAY_S)
        machine.start()
        assert machine.server.read() is None
        for _ in range(hours):
            machine.pass_time(HOUR_S)
            seen.append(machine.server.read())
    assert any(seen)


@pytest.mark.holds("deleting", "full disk", "expires all the same")
def test_a_full_disk_keeps_nothing_from_expiring(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    machine.server.read()
    monkeypatch.setattr("inference.jobs.clock.write_whole", refuse)
    machine.pass_time(HOUR_S)
    assert machine.server.read()
    machine.clock.now_s += YEAR_S
    assert machine.count_hours_of_doubt() == EVEN_S / HOUR_S


def test_times_to_come_do_not_keep_jobs_for_ever(tmp_path: Path) -> None:
    jobs, now = JobStore(Settings(tmp_path)), datetime.now(UTC)
    ahead_ns = int((now + timedelta(days=400)).timestamp() * 1e9)
    stopped, started = new_task(jobs, "ada"), jobs.create("ada")
    jobs.submit(stopped)
    jobs.cancel(stopped.folder)
    (stopped.folder / SUBMITTED).write_text(str(ahead_ns))
    os.utime(started / "owner", ns=(ahead_ns, ahead_ns))
    jobs.sweep(now)
    assert stopped.folder.exists() and started.exists()
    jobs.sweep(now + timedelta(days=8))
    assert not stopped.folder.exists() and not started.exists()


def test_jobs_of_a_clock_that_was_ahead_keep_their_turn(tmp_path: Path) -> None:
    jobs = JobStore(Settings(tmp_path, running=9))
    tasks = [new_task(jobs, "ada") for _ in range(3)]
    for number, task in enumerate(tasks):
        jobs.submit(task)
        if not number:  # ... while the clock was ahead
            ahead_ns = int((datetime.now(UTC) + timedelta(days=400)).timestamp() * 1e9)
            (task.folder / SUBMITTED).write_text(str(ahead_ns))
    assert [jobs.find_place(task.folder) for task in tasks] == [1, 2, 3]
    workers = Workers()
    jobs.start_due(workers.launch)
    assert [worker.folder for worker in workers.played] == [task.folder for task in tasks]
    for worker in workers.played:
        worker.end()


def test_a_damaged_time_moves_nobody_else_s(tmp_path: Path) -> None:
    jobs = JobStore(Settings(tmp_path))
    damaged, later = (new_task(jobs, owner) for owner in ("ada", "bob"))
    jobs.submit(damaged)
    file = damaged.folder / SUBMITTED
    file.write_text("9" + file.read_text()[1:])
    jobs.submit(later)
    assert int((later.folder / SUBMITTED).read_text()) < (datetime.now(UTC).timestamp() + 60) * 1e9
    assert [jobs.find_place(task.folder) for task in (damaged, later)] == [1, 2]


def test_a_turn_to_come_counts_for_nothing(tmp_path: Path) -> None:
    turns, family = Turns(tmp_path), EngineFamily.DRAFT
    turns.write("ada", family)
    assert Usage(0, turns.read_ns("ada", family)).last_ns > 0
    (tmp_path / "turns" / f"{family}-ada").write_text(str(10**19 - 1))
    assert turns.read_ns("ada", family) == 0
    turns.sweep(0, 10**18 * 5)
    assert not list((tmp_path / "turns").iterdir())
