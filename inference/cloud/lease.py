"""A lease with generations, which at most one of several machines holds, in a `modal.Dict`.

    writer-<n>   who holds generation n, and how often they renewed it; nobody once it was released
    wanted-<n>   there when somebody asks the holder of generation n to let go

The next generation is taken with `put(..., skip_if_exists=True)`, which one of several succeeds in.
No two machines' clocks are compared: a newcomer waits until the holder's entry has not changed for
LEASE_S on its own clock, and the holder trusts its lease for only TRUST_S after it last began to
renew it, so that both agree although answers may be late. No generation is deleted, or a machine
that was away for long could take it for its own; entries expire a week after they were last used.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from inference.cloud.status import KeyValueStore

LEASE_S = 30.0  # without a renewal, and others may take it
TRUST_S = 20.0  # after the last renewal that succeeded, and its holder acts on it no more
_WRITER, _WANTED = "writer-", "wanted-"


class ListableStore(KeyValueStore, Protocol):
    """What is used of a `modal.Dict`."""

    def keys(self) -> Iterable[Any]: ...


@dataclass(frozen=True)
class _Observation:
    """The newest generation's entry, and since when it is known to be so."""

    generation: int
    entry: Any
    since: float


class Lease:
    """One machine's part in it, `me` being its name. Every method but `held` may raise what the
    store raises; then nothing is known to have changed."""

    def __init__(
        self, store: ListableStore, me: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._me, self._clock = store, me, clock
        self._generation = 0  # the newest known
        self._is_mine = False  # it was taken, and is not known to be another's
        self._renewals = 0
        self._begins = self._ends = 0.0  # when it may be acted on
        self._observed = _Observation(0, None, clock())
        self._has_yielded = False

    @property
    def is_held(self) -> bool:
        """Whether this machine may act on the lease now."""
        return self._is_mine and self._begins <= self._clock() < self._ends

    def renew_or_take(self) -> None:
        """Renew the lease, or try to take it. To be called every few seconds."""
        if self._is_mine:
            self._renew()
        else:
            self._try_to_take()

    @property
    def is_wanted(self) -> bool:
        """Whether another machine asks this one, which holds the lease, to let go."""
        return self._store.get(f"{_WANTED}{self._generation}") is not None

    def release(self) -> None:
        """Let go at once; nothing may be written from now on. Others come first next time."""
        self._is_mine, self._has_yielded = False, True
        self._observed = _Observation(0, None, self._clock())
        self._store.put(self._key(), [None, self._renewals])

    def _renew(self) -> None:
        asked_at = self._clock()
        self._renewals += 1
        self._store.put(self._key(), [self._me, self._renewals])
        if self._store.get(self._key(1)) is None:
            self._ends = asked_at + TRUST_S
        else:  # it was away for so long that another one took over
            self._is_mine, self._has_yielded = False, True

    def _try_to_take(self) -> None:
        asked_at = self._clock()
        entry = self._find_newest()
        if (self._generation, entry) != (self._observed.generation, self._observed.entry):
            # not since it was asked for: it may have come only then
            self._observed = _Observation(self._generation, entry, self._clock())
        holder = entry[0] if entry else None
        if holder is None and not self._has_yielded:
            self._take()
        elif asked_at - self._observed.since >= LEASE_S:
            self._take()
        elif not self._has_yielded:
            self._store.put(f"{_WANTED}{self._generation}", self._me)

    def _find_newest(self) -> Any:
        """The entry of the newest generation; None when there never was one."""
        if not self._generation:
            keys = [key for key in map(str, self._store.keys()) if key.startswith(_WRITER)]
            self._generation = max((int(key.removeprefix(_WRITER)) for key in keys), default=0)
        while (entry := self._store.get(self._key(1))) is not None:
            self._generation += 1
        return entry or self._store.get(self._key())

    def _take(self) -> None:
        before, asked_at = self._observed.entry, self._clock()
        if not self._store.put(self._key(1), [self._me, 0], skip_if_exists=True):
            return
        # Whoever held it may have renewed it since it was looked at, before it could see that the
        # next one is taken, and trusts that for a while.
        waits_s = 0.0 if self._store.get(self._key()) == before else TRUST_S
        self._generation += 1
        self._is_mine, self._renewals, self._has_yielded = True, 0, False
        self._begins, self._ends = self._clock() + waits_s, asked_at + TRUST_S

    def _key(self, after: int = 0) -> str:
        return f"{_WRITER}{self._generation + after}"
