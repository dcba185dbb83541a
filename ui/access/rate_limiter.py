"""Wrong passwords: who gave how many, and how long they wait before they may try again.

Only counts are kept here, in memory: a server that is started anew knows none. Nobody waits with a
connection held; who comes too early is told for how long.

The address that a browser comes from is what the nearest proxy says. A client can write what it
likes into X-Forwarded-For, but each proxy adds, at the end, whom it saw itself; so the last entry
counts, those of private networks left out, which are further proxies on the same premises. Without
the header it is the server's own word. Where the page is reached without a proxy the header is the
client's alone, and an attacker has as many addresses as he likes: an address decides only who waits
longer, and the limit on all together holds for him as well. Behind two proxies with public
addresses everybody is one address, and waits for the others' mistakes.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection

FREE_FAILURES = 3  # wrong ones of an address until it waits
FIRST_S, LONGEST_S = 2, 300  # its waits: each wrong one doubles them
FORGET_AFTER_S = 3600  # so long after its last wrong one an address is as good as new
MAX_ADDRESSES = 1000  # addresses; the one that was wrong longest ago makes room
# Of all addresses together: 20 at once, for a room full of people who mistype, then one in 6 s: 30
# in the first minute, 14,400 in a day, however many addresses they come from. Six random letters
# hold for decades. Whoever uses it all up takes others' turns to sign in, but the next is never
# more than 6 s away, and those who are signed in notice nothing.
BURST, EACH_S = 20, 6

_HOPS = 20  # entries of the header that are read
_PREFIX_BITS = 64  # of IPv6: one household has them all


@dataclass(frozen=True)
class _Failures:
    """What is known of an address; `last_s` is the clock's."""

    count: int
    last_s: float

    @property
    def wait_s(self) -> int:
        """How long after the last one."""
        doublings = self.count - FREE_FAILURES
        if doublings < 0:
            return 0
        return LONGEST_S if doublings > 10 else min(FIRST_S * 2**doublings, LONGEST_S)


class RateLimiter:
    """The wrong passwords given so far. `clock` counts seconds, from anywhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, _Failures] = {}  # who was wrong last is at the end
        self._exhausted_until_s = -math.inf  # until then all together have had their one in EACH_S

    def __len__(self) -> int:
        """How many addresses are known."""
        return len(self._failures)

    def compute_wait_s(self, address: str) -> int:
        """Whole seconds until the address may try; 0: now."""
        now = self._clock()
        own = self._get_failures(address, now)
        until = max(own.last_s + own.wait_s, self._exhausted_until_s - (BURST - 1) * EACH_S)
        return max(0, math.ceil(until - now))

    def record_failure(self, address: str) -> None:
        """The address gave a wrong one."""
        now = self._clock()
        count = self._get_failures(address, now).count
        self._failures.pop(address, None)
        self._failures[address] = _Failures(count + 1, now)
        if len(self._failures) > MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]
        self._exhausted_until_s = max(self._exhausted_until_s, now) + EACH_S

    def clear_failures(self, address: str) -> None:
        """The address gave the right one: its wrong ones are forgotten."""
        self._failures.pop(address, None)

    def _get_failures(self, address: str, now: float) -> _Failures:
        known = self._failures.get(address)
        return known if known and now < known.last_s + FORGET_AFTER_S else _Failures(0, now)


def parse_client_address(connection: HTTPConnection) -> str:
    """Where a browser comes from, as one text for all addresses of its household; "" if nobody
    says. At most as long as an address, whatever was sent."""
    said = ",".join(connection.headers.getlist("x-forwarded-for"))
    hops = [found for hop in said.rsplit(",", _HOPS)[-_HOPS:] if (found := _parse_address(hop))]
    seen = _parse_address(connection.client.host) if connection.client else None
    nearest = next((hop for hop in reversed(hops) if hop.is_global), hops[-1] if hops else seen)
    if isinstance(nearest, IPv6Address):
        return (int(nearest) >> (128 - _PREFIX_BITS)).to_bytes(8).hex(":", 2)
    return str(nearest or "")


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in an entry like 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80."""
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
