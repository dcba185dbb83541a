"""Work without progress is ended, whatever it is stuck in, and no other work."""

import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest

from inference.cloud.watchdog import LOADING_S, Deadline, enforce_deadline
from inference.core.errors import Fault
from inference.core.events import Event, Frame, Stage, StageName, Step, Window
from inference.core.settings import ROOT

MINUTE_S = 60.0
NEVER = 1e9
STARTING = Stage(StageName.STARTING, "Starting again")
LOADING = Stage(StageName.LOADING, "Loading")
LOOKING = Stage(StageName.LOOKING, "Looking")
END_S = 10.0  # of a test's patience


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def after(events: Sequence[tuple[float, Event]], silence_s: float) -> Fault | None:
    """What comes of that silence, after events that many seconds after one another."""
    clock = Clock()
    patience = Deadline(NEVER, clock)
    for seconds, event in events:
        clock.now += seconds
        assert patience.find_fault() is None
        patience.note_event(event)
    clock.now += silence_s
    return patience.find_fault()


@pytest.mark.parametrize(
    ("events", "limit_s"),
    [
        ([], LOADING_S),
        ([(1.0, STARTING), (1.0, LOADING)], LOADING_S),
        ([(1.0, LOADING), (1.0, LOOKING)], 10 * MINUTE_S),
        ([(1.0, LOOKING), (1.0, Step(1, 4, 0, 1)), (50.0, Step(2, 4, 0, 1))], 10 * MINUTE_S),
        (  # a slow card: ten of its longest steps, whatever comes between two of them
            [
                (1.0, Step(1, 4, 0, 2)),
                (90.0, Step(2, 4, 0, 2)),
                (1.0, Frame("latest.jpg")),
                (30.0, Window(0, "000.mp4", 81)),
                (10.0, Step(1, 4, 1, 2)),
            ],
            15 * MINUTE_S,
        ),
    ],
)
def test_silence_is_borne_for_so_long(
    events: Sequence[tuple[float, Event]], limit_s: float
) -> None:
    assert after(events, limit_s - 1) is None
    fault = after(events, limit_s + 1)
    assert fault and f"stood still for {limit_s / MINUTE_S:.0f} minutes. Go on" in fault.message


def test_a_start_is_given_up_before_modal_does() -> None:
    assert LOADING_S < 30 * MINUTE_S


def test_a_job_that_says_a_lot_ends_in_time_all_the_same() -> None:
    clock = Clock()
    patience = Deadline(clock.now + 300, clock)
    for number in range(1, 30):
        clock.now += 10
        patience.note_event(Step(number, 40, 0, 1))
        assert patience.find_fault() is None
    clock.now += 11
    fault = patience.find_fault()
    assert fault and "longer than it may. Go on" in fault.message


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.cloud.watchdog._POLL_S", 0.001)
    monkeypatch.setattr("inference.cloud.watchdog._GRACE_S", 0.05)


@pytest.mark.usefixtures("quick")
def test_who_gives_up_says_why_and_leaves_once() -> None:
    clock, left = Clock(), threading.Event()
    patience = Deadline(NEVER, clock)
    said: list[str] = []
    with enforce_deadline(patience, lambda fault: said.append(fault.message), left.set):
        clock.now += LOADING_S + 1
        assert left.wait(END_S)
    assert len(said) == 1


@pytest.mark.usefixtures("quick")
def test_who_can_not_say_why_leaves_anyway() -> None:
    """Say, because the board does not answer."""
    clock, left, stuck = Clock(), threading.Event(), threading.Event()

    def last_word(fault: Fault) -> None:
        stuck.wait(END_S)

    with enforce_deadline(Deadline(NEVER, clock), last_word, left.set):
        clock.now += LOADING_S + 1
        assert left.wait(END_S)
    stuck.set()


def test_work_that_is_done_is_watched_no_more() -> None:
    before = {*threading.enumerate()}
    with enforce_deadline(Deadline(NEVER), lambda fault: None, lambda: None):
        (watch,) = {*threading.enumerate()} - before
    watch.join(END_S)
    assert not watch.is_alive()


STUCK = """
import ctypes
from inference.cloud import watchdog
watchdog._GRACE_S = 0.1
watchdog.leave_container()
def holds_pythons_lock():
    ctypes.PyDLL(None).sleep(600)
holds_pythons_lock()
"""


def test_a_process_that_nobody_ends_tells_where_it_is_stuck_and_exits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "in holds_pythons_lock" in done.stderr
