"""Index of one folder's jobs, in memory: what does not change is read once, and skipped after.

    owner       never changes
    finished    a finished video changes no more, until it is published again or deleted

All else is read anew each time, and the folder's list too unless its time shows that it is the
same; so several servers may share the folder, and nothing is stored that a crash could leave wrong.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from inference.jobs import history, state
from inference.jobs.state import ID, State

_SETTLED_NS = 2 * 10**9  # coarsest step of a file system's times


class JobIndex:
    """Jobs in the folder `root`.

    `lists_always`: the folder's time tells nothing, as on a Volume.
    """

    def __init__(self, root: Path, lists_always: bool = False) -> None:
        self._root, self._lists_always = root, lists_always
        self._lock = threading.Lock()
        self._owners: dict[str, str] = {}  # by job; without those whose owner can't be read
        self._open: set[str] = set()  # jobs that are not known to be finished
        # by owner: the jobs that are not known to be finished, and when the others were submitted
        self._open_of: defaultdict[str, set[str]] = defaultdict(set)
        self._finished_of: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._seen_sizes: dict[str, int] = {}  # of the histories of open jobs that are at rest
        self._listed_ns = 0  # the folder's time at the last list, if that will do

    def read_owner(self, folder: Path) -> str:
        """Return the job's owner; "" when the job is gone or its owner can't be read."""
        if not folder.is_dir():
            return ""
        return self._owners.get(folder.name) or state.read_owner(folder)

    def list_open(self, owner: str | None = None) -> list[Path]:
        """Return the jobs, of `owner` or all, that are not known to be finished."""
        with self._lock:
            self._update()
            names = self._open if owner is None else self._open_of.get(owner, ())
            return [self._root / name for name in names]

    def list_all(self) -> list[Path]:
        """Return all jobs."""
        with self._lock:
            self._update()
            return [self._root / name for name in self._open | self._owners.keys()]

    def list_finished(self, owner: str) -> Mapping[str, int]:
        """Return when each job of `owner` that is known to be finished was submitted."""
        with self._lock:
            self._update()
            return dict(self._finished_of.get(owner, {}))

    def count_finished(self, owner: str) -> int:
        """Return the number of jobs of `owner` that are known to be finished."""
        with self._lock:
            self._update()
            return len(self._finished_of.get(owner, ()))

    def settle(self, folder: Path) -> None:
        """Skip the job from now on if it is finished. It must not wait, nor be worked on."""
        name, size = folder.name, history.read_size(folder)
        if self._seen_sizes.get(name) == size:
            return
        if state.read_state(folder) is State.FINISHED and not state.is_busy(folder):
            with self._lock:
                owner = self._owners.get(name)
                if owner and name in self._open:
                    self._open.discard(name)
                    self._open_of[owner].discard(name)
                    self._finished_of[owner][name] = state.read_submitted_ns(folder)
        else:
            self._seen_sizes[name] = size

    def reopen(self, folder: Path) -> None:
        """Look at the job again: a process works on it."""
        with self._lock:
            owner = self._owners.get(folder.name, "")
            if self._finished_of[owner].pop(folder.name, None) is not None:
                self._open.add(folder.name)
                self._open_of[owner].add(folder.name)
                self._seen_sizes.pop(folder.name, None)

    def _update(self) -> None:
        try:
            time_ns = self._root.stat().st_mtime_ns
            if time_ns != self._listed_ns or self._lists_always:
                # a change within the same step of the folder's time must not be missed
                is_sure = time.time_ns() - time_ns > _SETTLED_NS
                names = {path.name for path in self._root.iterdir() if ID.fullmatch(path.name)}
                self._listed_ns = time_ns if is_sure else 0
                self._forget((self._owners.keys() | self._open) - names)
                self._open |= names - self._owners.keys()
        except FileNotFoundError:
            self._forget(self._owners.keys() | self._open)
        for name in self._open - self._owners.keys():
            if owner := state.read_owner(self._root / name):
                self._owners[name] = owner
                self._open_of[owner].add(name)

    def _forget(self, names: set[str]) -> None:
        for name in names:
            owner = self._owners.pop(name, "")
            self._open_of[owner].discard(name)
            self._finished_of[owner].pop(name, None)
            self._open.discard(name)
            self._seen_sizes.pop(name, None)
