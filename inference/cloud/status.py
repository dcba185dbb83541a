"""Status of remote jobs in a `modal.Dict`, shared by containers and those who wait for them.

    <job>           events so far, oldest first, each as a line of JSON; of steps and previews only
                    the newest, so that it stays small
    <job>/preview   newest preview, a JPEG
    <job>/cancel    present when the job is to be cancelled; a key of its own, which the container's
                    writes don't overwrite
    <job>/attempt   name of the current attempt, chosen by its sender
    <job>/maker     id of the call that makes the job and its start time; the first call to put it
                    here makes the job
    loading         the GPU container that loaded its model last
    usual           recent durations of starting and loading a container, in seconds

Modal deletes entries a week after they were last used.
"""

import statistics
import time
from typing import Any, Protocol

from inference.core.events import FINAL, Event, Frame, Record, StageName, Step, parse_record

_LOADING, _STAGE_TIMES = "loading", "usual"
_KEPT_TIMES = 5  # the median of these is used
_TRANSIENT = (Step, Frame)  # only the newest of each is stored


class KeyValueStore(Protocol):
    """The part of `modal.Dict` that is used.

    `put` returns whether it wrote. With `skip_if_exists` it does so only when the key is free,
    atomically.
    """

    def get(self, key: Any, default: Any = None) -> Any: ...

    def pop(self, key: Any, default: Any) -> Any: ...

    def put(self, key: Any, value: Any, *, skip_if_exists: bool = False) -> bool: ...


class StatusWriter:
    """Writer of one job's events, which continues those of an earlier run."""

    def __init__(self, store: KeyValueStore, job: str, records: list[Record]) -> None:
        self._store, self._job, self._records = store, job, records

    @property
    def has_begun(self) -> bool:
        """Whether there are events of an earlier run, or of this one."""
        return bool(self._records)

    @property
    def has_ended(self) -> bool:
        """Whether the final event was written."""
        return self.has_begun and isinstance(self._records[-1].event, FINAL)

    def append(self, event: Event, preview: bytes | None = None) -> None:
        """Add an event; `preview` is the JPEG of a Frame. Raises the store's errors."""
        if preview is not None:
            self._store.put(f"{self._job}/preview", preview)
        number = self._records[-1].seq + 1 if self._records else 0
        if isinstance(event, _TRANSIENT):
            kind = type(event)
            self._records = [r for r in self._records if not isinstance(r.event, kind)]
        self._records.append(Record(number, event))
        self._store.put(self._job, [record.to_json() for record in self._records])


class StatusStore:
    """Status of all remote jobs. Every method raises the store's errors."""

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    def read_records(self, job: str) -> list[Record]:
        """Return the job's events, oldest first."""
        return [parse_record(line) for line in self._store.get(job, [])]

    def read_attempt(self, job: str, attempt: str) -> list[Record]:
        """Return the events of that attempt at the job; none when another attempt is current."""
        current = self._store.get(f"{job}/attempt", attempt)
        return self.read_records(job) if current == attempt else []

    def open_writer(self, job: str) -> StatusWriter:
        """Return a writer that continues the job's events."""
        return StatusWriter(self._store, job, self.read_records(job))

    def read_preview(self, job: str) -> bytes | None:
        """Return the newest preview, a JPEG."""
        jpeg: bytes | None = self._store.get(f"{job}/preview")
        return jpeg

    def cancel(self, job: str) -> None:
        """Ask the container that makes the job to stop."""
        self._store.put(f"{job}/cancel", True)

    def is_cancelled(self, job: str) -> bool:
        """Tell whether the job is to be cancelled."""
        return bool(self._store.get(f"{job}/cancel", False))

    def clear(self, job: str) -> None:
        """Delete the job's status."""
        for part in ("", "/preview", "/cancel", "/attempt", "/maker"):
            self._store.pop(f"{job}{part}", None)

    def begin_attempt(self, job: str, attempt: str) -> None:
        """Clear the job's status for a new attempt, before its call is spawned.

        Does nothing when the attempt is current already, so it may be repeated.
        """
        if not attempt or self._store.get(f"{job}/attempt") != attempt:
            self.clear(job)
            self._store.put(f"{job}/attempt", attempt)

    def claim_attempt(self, job: str, attempt: str, call: str) -> bool:
        """Claim the attempt for a call, and return whether that call makes the job.

        The call that holds a claim already, as one that Modal runs again, keeps it. An attempt
        without a name is granted to every call.
        """
        if not attempt:
            return True
        if self._store.get(f"{job}/attempt", attempt) != attempt:
            return False  # replaced by a newer attempt
        return (
            self._store.put(f"{job}/maker", (call, time.time()), skip_if_exists=True)
            or self.find_call(job, attempt) == call
        )

    def find_call(self, job: str, attempt: str) -> str | None:
        """Return the id of the call that claimed the attempt; None if there is none yet."""
        if self._store.get(f"{job}/attempt", attempt) != attempt:
            return None
        call: str | None = self._store.get(f"{job}/maker", (None, 0.0))[0]
        return call

    def read_start_time(self, job: str) -> float | None:
        """Return when the call that makes the job first began, in seconds since 1970."""
        started: float | None = self._store.get(f"{job}/maker", (None, None))[1]
        return started

    def is_unfinished(self, job: str) -> bool:
        """Tell whether the job is known and has no final event."""
        records = self.read_records(job)
        known = records or self._store.get(f"{job}/attempt")
        return bool(known) and not (records and isinstance(records[-1].event, FINAL))

    def write_loading(self, container: str) -> None:
        """Store that a GPU container begins to load its model."""
        self._store.put(_LOADING, container)

    def read_loading(self) -> str | None:
        """Return the GPU container that began to load its model last."""
        container: str | None = self._store.get(_LOADING)
        return container

    def add_stage_time(self, stage: StageName, seconds: float) -> None:
        """Add a duration of a stage before the rendering."""
        times = self._store.get(_STAGE_TIMES, {})
        recent = [*times.get(stage.value, []), seconds][-_KEPT_TIMES:]
        self._store.put(_STAGE_TIMES, times | {stage.value: recent})

    def read_usual_s(self, stage: StageName) -> float | None:
        """Return the stage's median duration; None before the first."""
        times = self._store.get(_STAGE_TIMES, {}).get(stage.value)
        return round(statistics.median(times), 1) if times else None
