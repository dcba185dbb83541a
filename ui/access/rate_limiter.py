"""Rate limit on wrong passwords.

Counts are held in memory only: a restarted server knows none. No connection is held while an
address has to wait; a request that comes too early gets the waiting time.

The client's address is taken from the nearest proxy. A client can write any X-Forwarded-For, but
each proxy appends the address it saw itself, so the last entry counts, without those of private
networks, which are further proxies on the same premises. Without the header the connection's
address counts. If the page is reached without a proxy, the header is the client's alone and an
attacker has any number of addresses: an address decides only who waits longer, and the limit over
all addresses holds for the attacker as well. Behind two proxies with public addresses all clients
share one address and wait for each other's mistakes.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection

FREE_FAILURES = 3  # wrong passwords of an address until it has to wait
FIRST_WAIT_S, MAX_WAIT_S = 2, 300  # each further wrong password doubles the wait
FORGET_AFTER_S = 3600  # after an address's last wrong password
MAX_ADDRESSES = 1000  # beyond it the one with the oldest failure is forgotten
# Over all addresses: 20 attempts at once, for a room full of people who mistype, then one in 6 s:
# 30 in the first minute, 14,400 in a day. Six random letters hold for decades. An attacker who uses
# all of them delays others' sign-in, but the next attempt is at most 6 s away, and signed-in
# visitors are not affected.
BURST, REFILL_S = 20, 6

_HOPS = 20  # entries read from the header
_PREFIX_BITS = 64  # IPv6: a household's network


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
        self._exhausted_until_s = max(self._exhausted_until_s, now) + REFILL_S

    def clear_failures(self, address: str) -> None:
        """Forget the address's wrong passwords after the right one."""
        self._failures.pop(address, None)

    def _get_failures(self, address: str, now: float) -> _Failures:
        known = self._failures.get(address)
        return known if known and now < known.last_s + FORGET_AFTER_S else _Failures(0, now)


def parse_client_address(connection: HTTPConnection) -> str:
    """Return the client's address; "" if it is unknown.

    All addresses of a household (an IPv6 /64 network) give the same text. It is never longer than
    an address, whatever was sent.
    """
    header = ",".join(connection.headers.getlist("x-forwarded-for"))
    hops = [found for hop in header.rsplit(",", _HOPS)[-_HOPS:] if (found := _parse_address(hop))]
    peer = _parse_address(connection.client.host) if connection.client else None
    nearest = next((hop for hop in reversed(hops) if hop.is_global), hops[-1] if hops else peer)
    if isinstance(nearest, IPv6Address):
        return (int(nearest) >> (128 - _PREFIX_BITS)).to_bytes(8).hex(":", 2)
    return str(nearest or "")


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in an entry.

    Entries look like 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
