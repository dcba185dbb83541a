"""Index of one folder's jobs, in memory: what does not change is read once, and skipped after.

    owner       never changes
    finished    a finished video changes no more, until it is published again or deleted
    ended       a job without one changes no more until it is queued again, which sets the folder's
                time

All else is read anew each time, and the folder's list too unless its time shows that it is the
same; so several servers may share the folder, and nothing is stored that a crash could leave wrong.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from inference.jobs import history, state
from inference.jobs.state import ID, WAITING, State

_UNMADE_STATES = (State.FAILED, State.CANCELLED, State.INTERRUPTED)
_SETTLED_NS = 2 * 10**9  # coarsest step of a file system's times


class JobIndex:
    """Jobs in the folder `root`.

    `lists_always`: the folder's time tells nothing, as on a Volume.
    """

    def __init__(self, root: Path, lists_always: bool = False) -> None:
        self._root, self._lists_always = root, lists_always
        self._lock = threading.Lock()
        self._owners: dict[str, str] = {}  # by job; without those whose owner can't be read
        self._open: set[str] = set()  # jobs that are not known to have ended
        self._unmade: set[str] = set()  # of the others, those that ended without a video
        # by owner: the jobs that are not known to have ended, and when the others were submitted
        self._open_of: defaultdict[str, set[str]] = defaultdict(set)
        self._ended_of: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._seen_sizes: dict[str, int] = {}  # of the histories of open jobs that are at rest
        self._listed_ns = 0  # the folder's time at the last list, if that will do

    def read_owner(self, folder: Path) -> str:
        """Return the job's owner; "" when the job is gone or its owner can't be read."""
        if not folder.is_dir():
            return ""
        return self._owners.get(folder.name) or state.read_owner(folder)

    def list_open(self, owner: str | None = None) -> list[Path]:
        """Return the jobs, of `owner` or all, that are not known to have ended."""
        with self._lock:
            self._update()
            names = self._open if owner is None else self._open_of.get(owner, ())
            return [self._root / name for name in names]

    def list_unfinished(self) -> list[Path]:
        """Return the jobs that are not known to have a video."""
        with self._lock:
            self._update()
            return [self._root / name for name in self._open | self._unmade]

    def list_all(self) -> list[Path]:
        """Return all jobs."""
        with self._lock:
            self._update()
            return [self._root / name for name in self._open | self._owners.keys()]

    def list_ended(self, owner: str) -> Mapping[str, int]:
        """Return when each job of `owner` that is known to have ended was submitted."""
        with self._lock:
            self._update()
            return dict(self._ended_of.get(owner, {}))

    def count_ended(self, owner: str) -> int:
        """Return the number of jobs of `owner` that are known to have ended."""
        with self._lock:
            self._update()
            return len(self._ended_of.get(owner, ()))

    def settle(self, folder: Path) -> None:
        """Skip the job from now on if it has ended. It must not wait, nor be worked on."""
        name, size = folder.name, history.read_size(folder)
        if self._seen_sizes.get(name) == size:
            return
        submitted_ns, current = state.read_submitted_ns(folder), state.read_state(folder)
        is_made = current is State.FINISHED
        # on a Volume, work of another machine is not seen
        is_ended = submitted_ns and current in _UNMADE_STATES and not self._lists_always
        if (is_made or is_ended) and not state.is_busy(folder):
            with self._lock:
                owner = self._owners.get(name)
                if owner and name in self._open:
                    self._open.discard(name)
                    self._open_of[owner].discard(name)
                    self._ended_of[owner][name] = submitted_ns
                    self._unmade |= set() if is_made else {name}
        else:
            self._seen_sizes[name] = size

    def reopen(self, folder: Path) -> None:
        """Look at the job again: a process works on it."""
        with self._lock:
            self._reopen(folder.name)

    def _reopen(self, name: str) -> None:
        owner = self._owners.get(name, "")
        if self._ended_of[owner].pop(name, None) is not None:
            self._open.add(name)
            self._open_of[owner].add(name)
            self._unmade.discard(name)
            self._seen_sizes.pop(name, None)

    def _update(self) -> None:
        try:
            time_ns = self._root.stat().st_mtime_ns
            if time_ns != self._listed_ns or self._lists_always:
                # a change within the same step of the folder's time must not be missed
                is_sure = time.time_ns() - time_ns > _SETTLED_NS
                names = {path.name for path in self._root.iterdir() if ID.fullmatch(path.name)}
                self._listed_ns = time_ns if is_sure else 0
                self._forget((self._owners.keys() | self._open) - names)
                new = names - self._owners.keys()
                # another user's can't be read
                self._open |= {name for name in new if os.access(self._root / name, os.X_OK)}
                self._reopen_queued()
        except FileNotFoundError:
            self._forget(self._owners.keys() | self._open)
        for name in self._open - self._owners.keys():
            if owner := state.read_owner(self._root / name):
                self._owners[name] = owner
                self._open_of[owner].add(name)

    def _reopen_queued(self) -> None:
        """Look again at the jobs without a video that were queued since they ended."""
        for name in list(self._unmade):
            folder, known_ns = self._root / name, self._ended_of[self._owners[name]][name]
            if (folder / WAITING).exists() or state.read_submitted_ns(folder) != known_ns:
                self._reopen(name)

    def _forget(self, names: set[str]) -> None:
        for name in names:
            owner = self._owners.pop(name, "")
            self._open_of[owner].discard(name)
            self._ended_of[owner].pop(name, None)
            self._open.discard(name)
            self._unmade.discard(name)
            self._seen_sizes.pop(name, None)
