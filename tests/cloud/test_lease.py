"""At most one machine holds the lease, whatever comes between the steps of any of them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.cloud.lease import LEASE_S, TRUST_S, Lease
from tests.support.local_cloud import MemoryDict


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryDict:
    return MemoryDict()


def wait(clock: Clock, seconds: float, *machines: Lease) -> None:
    """The machines look after the lease, once a second."""
    for _ in range(round(seconds)):
        clock.now += 1
        for machine in machines:
            machine.renew_or_take()


def test_the_first_has_it_at_once_and_keeps_it(store: MemoryDict, clock: Clock) -> None:
    first, second = Lease(store, "a", clock), Lease(store, "b", clock)
    first.renew_or_take()
    assert first.is_held
    wait(clock, 100, first, second)
    assert first.is_held and not second.is_held and first.is_wanted


def test_who_lets_go_is_followed_at_once_and_asks_no_more(store: MemoryDict, clock: Clock) -> None:
    first, second = Lease(store, "a", clock), Lease(store, "b", clock)
    first.renew_or_take()
    second.renew_or_take()
    first.release()
    assert not first.is_held
    first.renew_or_take()  # comes first, and still lets the other one have it
    second.renew_or_take()
    assert second.is_held
    wait(clock, 100, first, second)
    assert second.is_held and not first.is_held and not second.is_wanted


def test_one_that_is_gone_is_followed_when_its_time_is_over(
    store: MemoryDict, clock: Clock
) -> None:
    gone, next_one = Lease(store, "a", clock), Lease(store, "b", clock)
    gone.renew_or_take()
    next_one.renew_or_take()
    wait(clock, LEASE_S - 1, next_one)
    assert not next_one.is_held and not gone.is_held
    wait(clock, 1, next_one)
    assert next_one.is_held


def test_who_let_go_takes_it_again_when_nobody_else_does(store: MemoryDict, clock: Clock) -> None:
    only = Lease(store, "a", clock)
    only.renew_or_take()
    only.release()
    wait(clock, LEASE_S - 1, only)
    assert not only.is_held
    wait(clock, 3, only)
    assert only.is_held


def test_it_is_trusted_for_a_while_only(store: MemoryDict, clock: Clock) -> None:
    one = Lease(store, "a", clock)
    one.renew_or_take()
    clock.now += TRUST_S - 1
    assert one.is_held
    clock.now += 1
    assert not one.is_held
    one.renew_or_take()
    assert one.is_held


def test_whoever_was_away_for_too_long_has_lost_it(store: MemoryDict, clock: Clock) -> None:
    away, other = Lease(store, "a", clock), Lease(store, "b", clock)
    away.renew_or_take()
    wait(clock, LEASE_S + 2, other)
    assert other.is_held
    away.renew_or_take()
    assert not away.is_held and not other.is_wanted
    wait(clock, 50, away, other)
    assert other.is_held and not away.is_held


def test_a_holder_that_wakes_while_it_is_taken_is_waited_for(
    store: MemoryDict, clock: Clock
) -> None:
    """It renews after it was looked at, and before the next generation is there."""
    asleep, other = Lease(store, "a", clock), Lease(store, "b", clock)
    asleep.renew_or_take()
    wait(clock, LEASE_S, other)
    clock.now += 1
    put = store.put

    def wake_first(key: str, value: Any, *, skip_if_exists: bool = False) -> bool:
        if skip_if_exists:
            store.put = put  # type: ignore[method-assign]
            asleep.renew_or_take()
        return put(key, value, skip_if_exists=skip_if_exists)

    store.put = wake_first  # type: ignore[method-assign]
    other.renew_or_take()
    assert asleep.is_held and not other.is_held
    wait(clock, TRUST_S - 1, other)
    assert not other.is_held
    wait(clock, 2, other)
    assert other.is_held and not asleep.is_held


def test_whoever_was_away_for_many_generations_has_lost_it(store: MemoryDict, clock: Clock) -> None:
    away = Lease(store, "away", clock)
    away.renew_or_take()
    clock.now += LEASE_S
    for number in range(9):
        one = Lease(store, str(number), clock)
        one.renew_or_take()
        clock.now += LEASE_S
        one.renew_or_take()
        one.release()
    away.renew_or_take()
    assert not away.is_held
    late = Lease(store, "late", clock)
    late.renew_or_take()
    assert late.is_held


class Interleaved(MemoryDict):
    """Before each question something else may happen: time goes by, another machine's turn."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: Callable[[], None] = lambda: None

    def get(self, key: str, default: Any = None) -> Any:
        self.happens()
        return super().get(key, default)

    def put(self, key: str, value: Any, *, skip_if_exists: bool = False) -> bool:
        self.happens()
        return super().put(key, value, skip_if_exists=skip_if_exists)


@settings(max_examples=100, deadline=None)
@given(st.data())
@pytest.mark.holds("making on Modal", "two servers", "a lease lets one page write")
def test_never_two_whatever_comes_in_between(data: st.DataObject) -> None:
    store, clock = Interleaved(), Clock()
    machines = [Lease(store, name, clock) for name in "abc"]
    busy: set[int] = set()  # a machine does one thing at a time

    def act(number: int) -> None:
        if number in busy:
            return
        busy.add(number)
        machine = machines[number]
        if machine.is_held and machine.is_wanted and machine.is_held:
            machine.release()
        else:
            machine.renew_or_take()
        busy.remove(number)
        assert sum(machine.is_held for machine in machines) <= 1

    def happens() -> None:
        what = data.draw(st.sampled_from(["", "", "", "time", "turn"]))
        if what == "time":
            clock.now += data.draw(st.sampled_from([1.0, 8.0, 19.0, 25.0, 31.0]))
        elif what == "turn" and len(busy) < len(machines):
            act(data.draw(st.integers(0, len(machines) - 1)))
        assert sum(machine.is_held for machine in machines) <= 1

    store.happens = happens
    for _ in range(data.draw(st.integers(5, 25))):
        clock.now += data.draw(st.sampled_from([0.0, 1.0, 3.0, 10.0, 30.0]))
        act(data.draw(st.integers(0, len(machines) - 1)))
