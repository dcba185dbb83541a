"""What is said about jobs between those who make them and those who wait: a `modal.Dict`.

    <job>           the events so far, oldest first, each as a line of JSON; of steps and previews
                    only the newest of each run, so that it stays small
    <job>/preview   the newest preview, a JPEG
    <job>/cancel    there when somebody asked to stop it; a key of its own, which no late word of
                    progress overwrites
    <job>/attempt   which attempt at the job is wanted, by a name that its page thought of
    <job>/maker     the call that makes it, and when it began: whoever puts it there first
    loading         the GPU container that was last seen to load its model
    usual           how long containers took to start and to load of late, in seconds

Entries expire by themselves a week after they were last used.
"""

import statistics
import time
from typing import Any, Protocol

from inference.core.events import FINAL, Event, Frame, Record, StageName, Step, parse_record

_LOADING, _USUAL = "loading", "usual"
_KEPT_TIMES = 5  # of which the median is taken
_TRANSIENT = (Step, Frame)  # only the newest counts


class KeyValueStore(Protocol):
    """What is used of a `modal.Dict`. `put` returns whether it wrote; with `skip_if_exists` it is
    an atomic take of the key."""

    def get(self, key: Any, default: Any = None) -> Any: ...

    def pop(self, key: Any, default: Any) -> Any: ...

    def put(self, key: Any, value: Any, *, skip_if_exists: bool = False) -> bool: ...


class StatusStore:
    """The board that `store` holds. Everything here may raise what the store raises."""

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    def read_records(self, job: str) -> list[Record]:
        """What happened to the job so far, oldest first."""
        return [parse_record(line) for line in self._store.get(job, [])]

    def read_attempt(self, job: str, attempt: str) -> list[Record]:
        """What happened in that attempt at the job so far; nothing when another one is wanted."""
        wanted = self._store.get(f"{job}/attempt", attempt)
        return self.read_records(job) if wanted == attempt else []

    def open_writer(self, job: str) -> "StatusWriter":
        """For whoever makes the job: goes on where an earlier run stopped."""
        return StatusWriter(self._store, job, self.read_records(job))

    def read_preview(self, job: str) -> bytes | None:
        """The newest preview, a JPEG."""
        jpeg: bytes | None = self._store.get(f"{job}/preview")
        return jpeg

    def cancel(self, job: str) -> None:
        """Ask whoever makes the job to stop."""
        self._store.put(f"{job}/cancel", True)

    def is_cancelled(self, job: str) -> bool:
        """Whether somebody asked to stop the job."""
        return bool(self._store.get(f"{job}/cancel", False))

    def clear(self, job: str) -> None:
        """Forget what was said about the job."""
        for part in ("", "/preview", "/cancel", "/attempt", "/maker"):
            self._store.pop(f"{job}{part}", None)

    def begin_attempt(self, job: str, attempt: str) -> None:
        """Make room for a new attempt at the job. To be asked before a call is spawned; of an
        attempt that is under way nothing is lost, so it may be asked again."""
        if not attempt or self._store.get(f"{job}/attempt") != attempt:
            self.clear(job)
            self._store.put(f"{job}/attempt", attempt)

    def claim_attempt(self, job: str, attempt: str, call: str) -> bool:
        """Take the attempt for a call; returns whether that call makes the job: it has the attempt
        now, or had it before. An attempt without a name is anyone's."""
        if not attempt:
            return True
        if self._store.get(f"{job}/attempt", attempt) != attempt:
            return False  # given up for another one
        return (
            self._store.put(f"{job}/maker", (call, time.time()), skip_if_exists=True)
            or self.find_call(job, attempt) == call
        )

    def find_call(self, job: str, attempt: str) -> str | None:
        """The id of the call that has the attempt; None as long as none has begun with it."""
        if self._store.get(f"{job}/attempt", attempt) != attempt:
            return None
        call: str | None = self._store.get(f"{job}/maker", (None, 0.0))[0]
        return call

    def read_start_time(self, job: str) -> float | None:
        """When the call that makes the job first began, in seconds since 1970."""
        began: float | None = self._store.get(f"{job}/maker", (None, None))[1]
        return began

    def is_unfinished(self, job: str) -> bool:
        """Whether something is known of the job, but not its end."""
        records = self.read_records(job)
        known = records or self._store.get(f"{job}/attempt")
        return bool(known) and not (records and isinstance(records[-1].event, FINAL))

    def write_loading(self, container: str) -> None:
        """A GPU container begins to load its model."""
        self._store.put(_LOADING, container)

    def read_loading(self) -> str | None:
        """The GPU container that was last seen to load its model."""
        container: str | None = self._store.get(_LOADING)
        return container

    def add_stage_time(self, stage: StageName, seconds: float) -> None:
        """One more time that a stage took before a job could begin."""
        times = self._store.get(_USUAL, {})
        self._store.put(
            _USUAL, times | {stage.value: [*times.get(stage.value, []), seconds][-_KEPT_TIMES:]}
        )

    def read_usual_s(self, stage: StageName) -> float | None:
        """How long that stage takes as a rule; None as long as nobody knows."""
        times = self._store.get(_USUAL, {}).get(stage.value)
        return round(statistics.median(times), 1) if times else None


class StatusWriter:
    """Appends to what a board says of one job."""

    def __init__(self, store: KeyValueStore, job: str, records: list[Record]) -> None:
        self._store, self._job, self._records = store, job, records

    @property
    def has_begun(self) -> bool:
        """Whether anything was told already, by an earlier run."""
        return bool(self._records)

    @property
    def has_ended(self) -> bool:
        """Whether the final event was told."""
        return self.has_begun and isinstance(self._records[-1].event, FINAL)

    def append(self, event: Event, preview: bytes | None = None) -> None:
        """Say that `event` happened; `preview` is the JPEG that comes with a Frame."""
        if preview is not None:
            self._store.put(f"{self._job}/preview", preview)
        number = self._records[-1].seq + 1 if self._records else 0
        if isinstance(event, _TRANSIENT):
            kind = type(event)
            self._records = [r for r in self._records if not isinstance(r.event, kind)]
        self._records.append(Record(number, event))
        self._store.put(self._job, [record.to_json() for record in self._records])
