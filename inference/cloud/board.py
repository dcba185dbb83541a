"""What is said about jobs between those who make them and those who wait: a `modal.Dict`.

    <job>           the events so far, oldest first, each as a line of JSON; of steps and previews
                    only the newest of each run, so that it stays small
    <job>/preview   the newest preview, a JPEG
    <job>/cancel    there when somebody asked to stop it; a key of its own, which no late word of
                    progress overwrites
    loading         the GPU container that was last seen to load its model
    usual           how long containers took to start and to load of late, in seconds

Entries expire by themselves a week after they were last used.
"""

import statistics
from typing import Any, Protocol

from inference.events import Event, Frame, Record, StageName, Step, from_json

_LOADING, _USUAL = "loading", "usual"
_RUNS = 5  # of which the median is taken
_PASSING = (Step, Frame)  # only the newest counts


class Store(Protocol):
    """What is used of a `modal.Dict`. `put` returns whether it wrote; with `skip_if_exists` it is
    an atomic take of the key."""

    def get(self, key: Any, default: Any = None) -> Any: ...

    def pop(self, key: Any, default: Any) -> Any: ...

    def put(self, key: Any, value: Any, *, skip_if_exists: bool = False) -> bool: ...


class Board:
    """The board that `store` holds. Everything here may raise what the store raises."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def records(self, job: str) -> list[Record]:
        """What happened to the job so far, oldest first."""
        return [from_json(line) for line in self._store.get(job, [])]

    def telling(self, job: str) -> "Telling":
        """For whoever makes the job: goes on where an earlier run stopped."""
        return Telling(self._store, job, self.records(job))

    def preview(self, job: str) -> bytes | None:
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
        for key in (job, f"{job}/preview", f"{job}/cancel"):
            self._store.pop(key, None)

    def note_loading(self, container: str) -> None:
        """A GPU container begins to load its model."""
        self._store.put(_LOADING, container)

    def loading(self) -> str | None:
        """The GPU container that was last seen to load its model."""
        container: str | None = self._store.get(_LOADING)
        return container

    def note_usual(self, stage: StageName, seconds: float) -> None:
        """One more time that a stage took before a job could begin."""
        times = self._store.get(_USUAL, {})
        self._store.put(
            _USUAL, times | {stage.value: [*times.get(stage.value, []), seconds][-_RUNS:]}
        )

    def usual_s(self, stage: StageName) -> float | None:
        """How long that stage takes as a rule; None as long as nobody knows."""
        times = self._store.get(_USUAL, {}).get(stage.value)
        return round(statistics.median(times), 1) if times else None


class Telling:
    """Appends to what a board says of one job."""

    def __init__(self, store: Store, job: str, records: list[Record]) -> None:
        self._store, self._job, self._records = store, job, records

    @property
    def begun(self) -> bool:
        """Whether anything was told already, by an earlier run."""
        return bool(self._records)

    def tell(self, event: Event, preview: bytes | None = None) -> None:
        """Say that `event` happened; `preview` is the JPEG that comes with a Frame."""
        if preview is not None:
            self._store.put(f"{self._job}/preview", preview)
        number = self._records[-1].seq + 1 if self._records else 0
        if isinstance(event, _PASSING):
            kind = type(event)
            self._records = [r for r in self._records if not isinstance(r.event, kind)]
        self._records.append(Record(number, event))
        self._store.put(self._job, [record.to_json() for record in self._records])
