"""Clock by which things expire. It is believed only after it has gone evenly for some hours.

A clock that jumps ahead would make everything look old. So each look compares how far the clock
went with how long it took; a jump in either direction starts the count anew. What is known is kept
in a file, for the next server. Nobody sees how long no server runs: up to a day counts as even, and
after a longer time two hours are missing. Hours of servers that run now and then add up.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from inference.core.files import UnreadableFile, read_json, write_whole

logger = logging.getLogger(__name__)

CLOCK = "clock.json"  # in the data folder
EVEN_S = 6 * 60 * 60.0  # far longer than until a wrong clock is set right
_AWAY_S = 24 * 60 * 60.0
_DOUBT_S = 2 * 60 * 60.0  # of EVEN_S, after a longer time without a server
_SLACK_S = 10 * 60.0  # of a clock that is set right now and then


@dataclass(frozen=True)
class _Seen:
    """The clock at the last look, and how long it has gone evenly, at most EVEN_S."""

    clock_s: float
    even_s: float


_SEEN = TypeAdapter(_Seen)


def read_elapsed_s() -> float:
    """Return seconds that nobody can set, and that go on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class ExpiryClock:
    """The clock of a server for the folder `data`.

    `away_s`: how long there may have been no server before.
    """

    def __init__(
        self,
        data: Path,
        away_s: float = _AWAY_S,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = read_elapsed_s,
    ) -> None:
        self._file, self._clock, self._elapsed = data / CLOCK, clock, elapsed
        self._away_s = away_s
        self._last: tuple[_Seen, float] | None = None  # and the time elapsed

    def read(self) -> datetime | None:
        """Return the time of day; None while it is not believed."""
        now_s, elapsed_s = self._clock(), self._elapsed()
        even_s = self._count_even(now_s, elapsed_s)
        seen = _Seen(now_s, even_s)
        self._last = seen, elapsed_s
        try:
            write_whole(self._file, _SEEN.dump_json(seen), mode=0o600)
        except OSError as error:  # a full disk, where it matters that things expire
            logger.warning("the clock can't be kept: %r", error)
        return datetime.fromtimestamp(now_s, UTC) if even_s >= EVEN_S else None

    def _count_even(self, now_s: float, elapsed_s: float) -> float:
        """Return how long the clock has gone evenly, at most EVEN_S."""
        seen = self._read_seen(now_s)
        step_s, known_s = now_s - seen.clock_s, seen.even_s
        if self._last:
            last, last_elapsed_s = self._last
            step_s, known_s = now_s - last.clock_s, min(known_s, last.even_s)
            is_even = abs(step_s - (elapsed_s - last_elapsed_s)) <= _SLACK_S
        elif step_s > self._away_s:
            logger.info("no server ran for %.0f s: nothing expires for a while", step_s)
            return known_s if known_s < EVEN_S else EVEN_S - _DOUBT_S
        else:
            is_even = step_s >= -_SLACK_S
        if not is_even:
            logger.warning("the clock jumped by %.0f s: nothing expires for some hours", step_s)
            return 0.0
        return min(EVEN_S, known_s + max(step_s, 0.0))

    def _read_seen(self, now_s: float) -> _Seen:
        """Return what is known; without a file, that all is well."""
        try:
            return read_json(self._file, _SEEN)
        except FileNotFoundError:
            return _Seen(now_s, EVEN_S)
        except (UnreadableFile, OSError):
            return _Seen(now_s, 0.0)
