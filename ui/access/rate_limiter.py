"""Rate limit on wrong passwords.

Counts are held in memory only: a restarted server knows none. No connection is held while an
address has to wait; a request that comes too early gets the waiting time.

The client's address is the connection's, or what a proxy tells that the settings name, see
`ui.web.forwarding`; on Modal its front's. So an attacker has as many addresses as machines. The
limit over all of them slows down whoever was wrong several times, never an address's first
attempts: a flood from elsewhere keeps nobody out who knows the password. Those who share the
flood's address have to wait as it has, unless their browser was signed in before (`ui.web.auth`).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

FREE_FAILURES = 3  # wrong passwords of an address until it has to wait
FIRST_WAIT_S, MAX_WAIT_S = 2, 300  # each further wrong password doubles the wait
FORGET_AFTER_S = 3600  # after an address's last wrong password
MAX_ADDRESSES = 20_000  # beyond it the one with the oldest failure is forgotten; about 5 MB
# Over all addresses: 20 attempts at once, for a room full of people who mistype, then one in 6 s:
# 30 in the first minute, 14,400 in a day; besides, FREE_FAILURES of each address that was not wrong
# for an hour. Six random letters hold for decades, and for a year against 10,000 machines.
BURST, REFILL_S = 20, 6

_PREFIX_BITS = 56  # IPv6: what one household, or one rented machine, has at most


@dataclass(frozen=True)
class _Failures:
    """Failed attempts of an address; `last_s` is the time of the last one."""

    count: int
    last_s: float

    @property
    def wait_s(self) -> int:
        """Waiting time after the last one, in seconds."""
        doublings = self.count - FREE_FAILURES
        if doublings < 0:
            return 0
        return MAX_WAIT_S if doublings > 10 else min(FIRST_WAIT_S * 2**doublings, MAX_WAIT_S)


class RateLimiter:
    """Waiting times after wrong passwords. `clock` counts seconds from any start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, _Failures] = {}  # oldest failure first
        self._exhausted_until_s = -math.inf  # until then the refill is used up

    def __len__(self) -> int:
        """Return the number of addresses with failures."""
        return len(self._failures)

    def compute_wait_s(self, address: str) -> int:
        """Return the whole seconds until the address may try; 0: now."""
        now = self._clock()
        failures = self._get_failures(address, now)
        if not failures.wait_s:
            return 0
        until = max(
            failures.last_s + failures.wait_s, self._exhausted_until_s - (BURST - 1) * REFILL_S
        )
        return max(0, math.ceil(until - now))

    def record_failure(self, address: str) -> None:
        """Count a wrong password of the address."""
        now = self._clock()
        count = self._get_failures(address, now).count
        self._failures.pop(address, None)
        self._failures[address] = _Failures(count + 1, now)
        if len(self._failures) > MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]
        exhausted_until_s = max(self._exhausted_until_s, now) + REFILL_S
        self._exhausted_until_s = min(exhausted_until_s, now + BURST * REFILL_S)

    def clear_failures(self, address: str) -> None:
        """Forget the address's wrong passwords after the right one."""
        self._failures.pop(address, None)

    def _get_failures(self, address: str, now: float) -> _Failures:
        known = self._failures.get(address)
        return known if known and now < known.last_s + FORGET_AFTER_S else _Failures(0, now)


def parse_client_address(connection: HTTPConnection) -> str:
    """Return the client's address as `parse_address` does."""
    return parse_address(connection.client.host if connection.client else "")


def parse_address(host: str) -> str:
    """Return an address; "" if it is none.

    All addresses of an IPv6 household give the same text. It is never longer than an address,
    whatever a proxy has passed on.
    """
    try:
        found = ip_address(host)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ip_network((int(found), _PREFIX_BITS), strict=False))
    return str(found)
