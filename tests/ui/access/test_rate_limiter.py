"""Guessing gets slower and slower, for each address and for all together; nothing piles up."""

import pytest
from starlette.requests import HTTPConnection

from tests.support.clocks import Clock
from ui.access.rate_limiter import (
    BURST,
    FIRST_WAIT_S,
    FORGET_AFTER_S,
    FREE_FAILURES,
    MAX_ADDRESSES,
    MAX_WAIT_S,
    REFILL_S,
    RateLimiter,
    parse_client_address,
)

ME, YOU = "198.51.100.1", "198.51.100.2"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> RateLimiter:
    return RateLimiter(clock)


def test_a_few_are_free_then_each_wait_is_twice_as_long(guesses: RateLimiter, clock: Clock) -> None:
    waits = []
    for _ in range(14):
        guesses.record_failure(ME)
        waits.append(guesses.compute_wait_s(ME))
        assert guesses.compute_wait_s(YOU) == 0
        clock.now_s += max(waits[-1], REFILL_S)
        assert guesses.compute_wait_s(ME) == 0
    assert waits == [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert waits[FREE_FAILURES - 1] == FIRST_WAIT_S and max(waits) == MAX_WAIT_S


def test_the_wait_is_told_in_whole_seconds_and_grows_by_no_question(
    guesses: RateLimiter, clock: Clock
) -> None:
    for _ in range(FREE_FAILURES + 1):
        guesses.record_failure(ME)
    told = []
    for _ in range(9):
        told.append(guesses.compute_wait_s(ME))
        clock.now_s += 0.5
    assert told == [4, 4, 3, 3, 2, 2, 1, 1, 0]


def test_the_right_one_makes_all_good(guesses: RateLimiter) -> None:
    for _ in range(FREE_FAILURES):
        guesses.record_failure(ME)
        guesses.record_failure(YOU)
    guesses.clear_failures(ME)
    guesses.clear_failures("192.0.2.77")  # who was never wrong
    assert guesses.compute_wait_s(ME) == 0 < guesses.compute_wait_s(YOU)
    guesses.record_failure(ME)
    assert guesses.compute_wait_s(ME) == 0


def test_after_an_hour_it_is_forgotten(guesses: RateLimiter, clock: Clock) -> None:
    for _ in range(FREE_FAILURES + 8):
        guesses.record_failure(ME)
    clock.now_s += FORGET_AFTER_S - 1
    guesses.record_failure(ME)
    assert guesses.compute_wait_s(ME) == MAX_WAIT_S
    clock.now_s += FORGET_AFTER_S
    guesses.record_failure(ME)
    assert guesses.compute_wait_s(ME) == 0


def test_any_number_of_wrong_ones_has_a_wait(guesses: RateLimiter) -> None:
    for _ in range(5000):  # more doublings than a float has
        guesses.record_failure(ME)
    assert guesses.compute_wait_s(ME) >= MAX_WAIT_S


def test_of_many_addresses_only_the_newest_are_kept(guesses: RateLimiter, clock: Clock) -> None:
    for _ in range(FREE_FAILURES + 8):
        guesses.record_failure(ME)
    for number in range(MAX_ADDRESSES - 1):
        guesses.record_failure(f"other {number}")
        if number == MAX_ADDRESSES // 2:
            guesses.record_failure(YOU)
    assert len(guesses) == MAX_ADDRESSES
    clock.now_s += 2 * MAX_ADDRESSES * REFILL_S  # all together may try again
    for address in (ME, YOU):
        guesses.record_failure(address)
        assert len(guesses) == MAX_ADDRESSES
    assert guesses.compute_wait_s(ME) == 0  # it was the first to go


@pytest.mark.parametrize("addresses", [1, 7, 100_000])
def test_however_many_addresses_an_attacker_has_all_together_are_few(
    guesses: RateLimiter, clock: Clock, addresses: int
) -> None:
    tries, minute = 0, []
    for second in range(10 * 60):
        for number in range(50):  # a second
            address = f"forged {(second * 50 + number) % addresses}"
            if not guesses.compute_wait_s(address):
                guesses.record_failure(address)
                tries += 1
        clock.now_s += 1
        if second % 60 == 59:
            minute.append(tries)
            tries = 0
    assert max(minute) <= BURST + 60 // REFILL_S
    assert max(minute[1:]) <= 60 // REFILL_S + 1


def test_everybody_waits_a_little_and_not_for_long(guesses: RateLimiter, clock: Clock) -> None:
    for number in range(BURST):
        assert guesses.compute_wait_s(ME) == 0
        guesses.record_failure(f"forged {number}")
    assert guesses.compute_wait_s(ME) == REFILL_S
    guesses.clear_failures(YOU)  # others' luck changes nothing
    assert guesses.compute_wait_s(ME) == REFILL_S
    clock.now_s += REFILL_S
    assert guesses.compute_wait_s(ME) == 0
    clock.now_s += BURST * REFILL_S
    for number in range(BURST):
        assert guesses.compute_wait_s(ME) == 0
        guesses.record_failure(f"forged {number}")


def from_where(*forwarded: str, client: str | None = "127.0.0.1") -> str:
    headers = [(b"x-forwarded-for", line.encode("latin1")) for line in forwarded]
    peer = client and (client, 1234)
    return parse_client_address(
        HTTPConnection({"type": "http", "headers": headers, "client": peer})
    )


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([], "127.0.0.1"),
        (["8.8.8.8"], "8.8.8.8"),
        (["forged, 9.9.9.9 , 8.8.8.8"], "8.8.8.8"),
        (["9.9.9.9", "forged", "8.8.8.8"], "8.8.8.8"),
        (["9.9.9.9, 8.8.8.8, 10.0.0.1, 192.168.3.4, 100.64.1.1, ::1"], "8.8.8.8"),
        (["192.168.1.5, 192.168.1.6"], "192.168.1.6"),
        (["8.8.8.8:4711"], "8.8.8.8"),
        (["::ffff:8.8.8.8"], "8.8.8.8"),
        (["2a00:1450:4001:82a::200e"], "2a00:1450:4001:082a"),
        (["[2a00:1450:4001:82a:1:2:3:4]:443"], "2a00:1450:4001:082a"),
        (["no address", "", ",,,", "999.1.1.1", "[", "[]:1", "²"], "127.0.0.1"),
        (["8.8.8.8," + "x," * 1000], "127.0.0.1"),
    ],
)
def test_an_address_is_what_the_nearest_proxy_says(forwarded: list[str], address: str) -> None:
    assert from_where(*forwarded) == address


def test_whoever_has_no_address_is_one_person(guesses: RateLimiter) -> None:
    assert from_where(client=None) == from_where(client="testclient") == ""
    assert from_where(client="x" * 100_000) == ""  # the server takes it from the header, unread
