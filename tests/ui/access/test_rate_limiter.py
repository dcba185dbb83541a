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
    parse_address,
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


@pytest.mark.parametrize("addresses", [1, 7, 2000])
def test_however_many_addresses_an_attacker_has_all_together_are_few(
    guesses: RateLimiter, clock: Clock, addresses: int
) -> None:
    tries = 0
    for second in range(10 * 60):
        for number in range(50):  # a second
            address = f"machine {(second * 50 + number) % addresses}"
            if not guesses.compute_wait_s(address):
                guesses.record_failure(address)
                tries += 1
        clock.now_s += 1
    assert tries <= FREE_FAILURES * addresses + BURST + 10 * 60 // REFILL_S


def test_a_flood_delays_those_alone_who_were_wrong_themselves(
    guesses: RateLimiter, clock: Clock
) -> None:
    for number in range(10 * BURST):
        assert guesses.compute_wait_s(f"machine {number}") == 0
        guesses.record_failure(f"machine {number}")
    for _ in range(FREE_FAILURES):
        assert guesses.compute_wait_s(ME) == 0
        guesses.record_failure(ME)
    assert guesses.compute_wait_s(ME) == REFILL_S > FIRST_WAIT_S
    guesses.clear_failures(YOU)  # others' luck changes nothing
    assert guesses.compute_wait_s(ME) == REFILL_S
    clock.now_s += REFILL_S
    assert guesses.compute_wait_s(ME) == 0


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2a00:1450:4001:82a::200e", "2a00:1450:4001:800::/56"),
        ("2a00:1450:4001:8ff:1:2:3:4", "2a00:1450:4001:800::/56"),
        ("testclient", ""),
        ("8.8.8.8, 9.9.9.9", ""),
        ("x" * 100_000, ""),  # a proxy passes on what was sent
        ("", ""),
    ],
)
def test_an_address_is_a_household(peer: str, address: str) -> None:
    assert parse_address(peer) == address


def test_no_header_tells_an_address() -> None:
    headers = [(b"x-forwarded-for", b"8.8.8.8")]
    scope = {"type": "http", "headers": headers, "client": ("10.0.0.1", 1234)}
    assert parse_client_address(HTTPConnection(scope)) == "10.0.0.1"
    assert parse_client_address(HTTPConnection(scope | {"client": None})) == ""
