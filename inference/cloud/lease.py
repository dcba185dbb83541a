"""Lease with generations in a `modal.Dict`, held by at most one of several machines.

    writer-<n>   [holder of generation n, number of renewals]; the holder is None once released
    wanted-<n>   present when another machine asks the holder of generation n to release it

A machine takes the next generation with `put(..., skip_if_exists=True)`, which succeeds for only
one. Clocks of two machines are never compared: a newcomer waits until the holder's entry has not
changed for LEASE_S on its own clock, and the holder relies on its lease for only TRUST_S after it
began the last renewal, so the two agree even when answers are late. No generation is deleted, or a
machine that was stopped for long could take it again. Modal deletes entries a week after they were
last used.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from inference.cloud.status import KeyValueStore

LEASE_S = 30.0  # without a renewal, others may take the lease
TRUST_S = 20.0  # after the start of the last renewal, the holder stops relying on it
_WRITER, _WANTED = "writer-", "wanted-"


class ListableStore(KeyValueStore, Protocol):
    """The part of `modal.Dict` that a lease uses."""

    def keys(self) -> Iterable[Any]: ...


@dataclass(frozen=True)
class _Observation:
    """Entry of the newest generation, and since when it has not changed."""

    generation: int
    entry: Any
    since: float


class Lease:
    """The lease as the machine named `me` sees it.

    Every method raises the store's errors; whether anything changed is unknown then.
    """

    def __init__(
        self, store: ListableStore, me: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._me, self._clock = store, me, clock
        self._generation = 0  # the newest known
        self._is_mine = False  # taken, and not known to be lost
        self._renewals = 0
        self._begins = self._ends = 0.0  # the lease may be relied on between these
        self._observed = _Observation(0, None, clock())
        self._has_yielded = False

    @property
    def is_held(self) -> bool:
        """Whether this machine may rely on the lease now."""
        return self._is_mine and self._begins <= self._clock() < self._ends

    def renew_or_take(self) -> None:
        """Renew the lease or try to take it. To be called every few seconds."""
        if self._is_mine:
            self._renew()
        else:
            self._try_to_take()

    @property
    def is_wanted(self) -> bool:
        """Whether another machine asks this one, which holds the lease, to release it."""
        return self._store.get(f"{_WANTED}{self._generation}") is not None

    def release(self) -> None:
        """Release the lease at once. Until it was idle for LEASE_S, only others take it."""
        self._is_mine, self._has_yielded = False, True
        self._observed = _Observation(0, None, self._clock())
        self._store.put(self._key(), [None, self._renewals])

    def _renew(self) -> None:
        asked_at = self._clock()
        self._renewals += 1
        self._store.put(self._key(), [self._me, self._renewals])
        if self._store.get(self._key(1)) is None:
            self._ends = asked_at + TRUST_S
        else:  # stopped for so long that another machine took over
            self._is_mine, self._has_yielded = False, True

    def _try_to_take(self) -> None:
        asked_at = self._clock()
        entry = self._find_newest()
        if (self._generation, entry) != (self._observed.generation, self._observed.entry):
            # from after the answer: the entry may have changed just before it
            self._observed = _Observation(self._generation, entry, self._clock())
        holder = entry[0] if entry else None
        if holder is None and not self._has_yielded:
            self._take()
        elif asked_at - self._observed.since >= LEASE_S:
            self._take()
        elif not self._has_yielded:
            self._store.put(f"{_WANTED}{self._generation}", self._me)

    def _find_newest(self) -> Any:
        """Return the entry of the newest generation; None when there never was one."""
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
        # The last holder may have renewed after the entry was read and before it could see that
        # the next generation is taken; then it relies on that renewal for TRUST_S.
        waits_s = 0.0 if self._store.get(self._key()) == before else TRUST_S
        self._generation += 1
        self._is_mine, self._renewals, self._has_yielded = True, 0, False
        self._begins, self._ends = self._clock() + waits_s, asked_at + TRUST_S

    def _key(self, after: int = 0) -> str:
        return f"{_WRITER}{self._generation + after}"
