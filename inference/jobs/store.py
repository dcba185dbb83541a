"""All jobs of one folder of data, and what may be done with each; see `inference.jobs.job_folder`.

Several servers may share the folder: `queue.lock` in it is held while a job changes its state.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from inference.core import processes
from inference.core.errors import Fault, FaultCode
from inference.core.events import Stage, StageName
from inference.core.settings import Settings
from inference.core.task import OUTPUTS, PREVIOUS_REMOTE, PUBLISHED, REMOTE, Task
from inference.core.write_access import SoleWriter, WriteAccess
from inference.jobs import history, job_folder, lock
from inference.jobs.fairness import Usage, WaitingJob, order_by_turn
from inference.jobs.job_folder import CANCEL, ID, LOCK, OWNER, SUBMITTED, WAITING, State
from presets.schema import EngineFamily

__all__ = ["ID", "JOBS", "JobStore", "State"]

JOBS = "jobs"
_TURNS = "turns"
_QUEUE_LOCK = "queue.lock"
_TRASH_SUFFIX = ".deleted"  # what the name of a folder ends in while its files are being deleted
_ID_BYTES = 16
_REMOTE_FILES = (REMOTE, PREVIOUS_REMOTE, PUBLISHED)  # marks of what is not in a job's folder
_DAY_S = 24 * 60 * 60
_RESUMABLE = (State.FAILED, State.CANCELLED, State.INTERRUPTED)
_NUMBER_WORDS = (
    "No",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
)


class JobStore:
    """The jobs under `settings.data`. `due` is set when one may start. `end` ends a worker, and
    `forget` what a deleted job's folder says is elsewhere; then it deletes that folder. What
    changes a job raises Moving while `access` is not granted."""

    def __init__(
        self,
        settings: Settings,
        end: Callable[[int], None] = processes.kill,
        forget: Callable[[Path], None] = job_folder.start_cleanup,
        access: WriteAccess | None = None,
    ) -> None:
        self.due = threading.Event()
        self.access = access or SoleWriter()
        self._settings, self._end, self._forget = settings, end, forget
        self._root = settings.data / JOBS

    def create(self, owner: str) -> Path:
        """A new folder, for its owner only; its unguessable name is the job's id."""
        self.access.require()
        folder = self._root / secrets.token_hex(_ID_BYTES)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        (folder / OWNER).write_text(owner)
        return folder

    def find_folder(self, job_id: str) -> Path | None:
        """The folder of that job; None unless it is a valid id of a job that is there."""
        folder = self._root / job_id
        return folder if ID.fullmatch(job_id) and folder.is_dir() else None

    def read_owner(self, folder: Path) -> str:
        """Whose job it is; empty, which is nobody, when it is gone."""
        return job_folder.read_text(folder / OWNER)

    def list_owned(self, owner: str) -> list[Path]:
        """The jobs that `owner` put in the queue, the newest first."""
        times = {
            folder: job_folder.read_time_ns(folder / SUBMITTED)
            for folder in self._list_all()
            if self.read_owner(folder) == owner
        }
        submitted = [folder for folder in times if times[folder]]
        return sorted(submitted, key=lambda folder: times[folder], reverse=True)

    def submit(self, task: Task) -> None:
        """Save `task` and put its job in the queue; one that was there before is left alone.

        Raises Fault (code queue_full) when there is no room, with the folder as it was, and
        OSError; the job is not in the queue then.
        """
        with self._lock_queue():
            if not (task.folder / SUBMITTED).exists():
                self._require_queue_space(self.read_owner(task.folder))
                task.save()
                self._enqueue(task.folder)

    def read_state(self, folder: Path) -> State:
        """Where the job stands now."""
        return job_folder.read_state(folder)

    def is_cancelled(self, folder: Path) -> bool:
        """Whether someone asked its worker to stop."""
        return job_folder.is_cancelled(folder)

    def find_place(self, folder: Path) -> int | None:
        """The job's place among those that wait for the same engine family, 1 being next."""
        if not (folder / WAITING).exists():
            return None
        line = self._order_waiting(job_folder.read_family(folder))
        return line.index(folder) + 1 if folder in line else None

    def cancel(self, folder: Path) -> None:
        """Stop the job: one that waits ends at once, one at work soon; others are left alone."""
        with self._lock_queue():
            state = self.read_state(folder)
            if state is State.RUNNING:
                (folder / CANCEL).touch()
            elif state is State.QUEUED:
                (folder / WAITING).unlink()
                history.HistoryWriter(folder).append(job_folder.build_cancelled(folder))

    def resume(self, folder: Path) -> None:
        """Continue the job from its last finished window, in the queue again.

        Only one that failed, was cancelled or interrupted; others are left alone. Raises Fault
        (code queue_full) when there is no room, and OSError.
        """
        self._requeue(folder, _RESUMABLE, outdated=())

    def restart(self, folder: Path) -> None:
        """Start the job again with the same inputs; what it made and its history are deleted.

        Only one that failed, was cancelled or interrupted; others are left alone. Raises Fault
        (code queue_full) when there is no room, and OSError.
        """
        outdated = (*OUTPUTS, history.EVENTS)
        self._requeue(folder, _RESUMABLE, outdated)

    def publish(self, folder: Path) -> None:
        """Start to publish what a finished job made; others, and those of which somebody is doing
        so already, are left alone, and all of them where there is no bucket. Raises OSError."""
        with self._lock_queue():
            if self._settings.bucket and self.read_state(folder) is State.FINISHED:
                job_folder.start_publishing(folder, self._settings.bucket)

    def resume_remote(self) -> None:
        """Have those that are made elsewhere, and were followed by a server that is gone, followed
        again: nothing in them was interrupted. To be called when a server starts."""
        with self._lock_queue():
            for folder in self._list_all():
                made = SUBMITTED if self._settings.on_modal else REMOTE  # there all are elsewhere
                if (folder / made).exists() and self.read_state(folder) is State.INTERRUPTED:
                    (folder / WAITING).touch()
                    self.due.set()

    def delete(self, folder: Path) -> None:
        """Delete the job in whatever state it is; its worker is ended first.

        When this returns the folder is gone, and nothing can bring it back. One that is gone
        already is left alone. Raises Fault when its worker can't be ended.
        """
        with self._lock_queue():
            gone = self._move_to_trash(folder) if folder.is_dir() else None
        if gone:
            self._empty_trash(gone)

    def sweep(self, now: datetime) -> None:
        """Delete the jobs that were put in the queue more than `keep_days` ago, or made then and
        never put there, but none that waits or is at work; and what deletions left behind."""
        before_ns = int((now.timestamp() - self._settings.keep_days * _DAY_S) * 1e9)
        with self._lock_queue():
            for folder in self._list_all():
                if _read_created_ns(folder) < before_ns and self._is_at_rest(folder):
                    self.access.require()
                    self._move_to_trash(folder)
            for turn in (self._settings.data / _TURNS).glob("*"):
                if job_folder.read_time_ns(turn) < before_ns:
                    turn.unlink()
        for gone in self._root.glob(f"*{_TRASH_SUFFIX}"):
            self.access.require()
            self._empty_trash(gone)

    def start_due(self, launch: job_folder.Launcher) -> list[job_folder.WorkerProcess]:
        """The workers of the jobs that may start now, each started by `launch`."""
        started = []
        with self._lock_queue():
            for family in EngineFamily:
                free = self._settings.running - len(self._list_running(family))
                for folder in self._order_waiting(family)[: max(0, free)]:
                    self._write_turn(self.read_owner(folder), family)
                    worker = job_folder.start_worker(folder, launch)
                    started += [worker] if worker else []
        return started

    def _lock_queue(self) -> AbstractContextManager[None]:
        """Nobody else, here or in another process, changes the state of a job. Raises Moving."""
        self.access.require()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return lock.hold(self._settings.data / _QUEUE_LOCK)

    def _list_all(self) -> list[Path]:
        try:
            return [path for path in self._root.iterdir() if ID.fullmatch(path.name)]
        except FileNotFoundError:
            return []

    def _list_waiting(self) -> list[Path]:
        """Those that wait; one whose earlier worker is just ending does not count yet."""
        return [
            f for f in self._list_all() if (f / WAITING).exists() and not lock.is_held(f / LOCK)
        ]

    def _list_running(self, family: EngineFamily) -> list[Path]:
        locked = [folder for folder in self._list_all() if lock.is_held(folder / LOCK)]
        return [folder for folder in locked if job_folder.read_family(folder) is family]

    def _order_waiting(self, family: EngineFamily) -> list[Path]:
        """Those that wait for that family, the next one first."""
        waiting = [
            WaitingJob(
                folder.name, self.read_owner(folder), job_folder.read_time_ns(folder / SUBMITTED)
            )
            for folder in self._list_waiting()
            if job_folder.read_family(folder) is family
        ]
        served = self._read_usage({job.owner for job in waiting}, family)
        return [self._root / job.job for job in order_by_turn(waiting, served)]

    def _read_usage(self, owners: set[str], family: EngineFamily) -> dict[str, Usage]:
        """What each of `owners` has had of that family."""
        running = (
            [self.read_owner(folder) for folder in self._list_running(family)] if owners else []
        )
        last = {owner: job_folder.read_time_ns(self._turn_file(owner, family)) for owner in owners}
        return {owner: Usage(running.count(owner), last[owner]) for owner in owners}

    def _turn_file(self, owner: str, family: EngineFamily) -> Path:
        """The file that says when that person's last turn was; it outlives a job that is deleted,
        or whoever deletes what was just started would be the next one again."""
        return self._settings.data / _TURNS / f"{family}-{owner}"

    def _write_turn(self, owner: str, family: EngineFamily) -> None:
        turn = self._turn_file(owner, family)
        turn.parent.mkdir(mode=0o700, exist_ok=True)
        turn.write_text(str(time.time_ns()))

    def _require_queue_space(self, owner: str) -> None:
        """Raises Fault when the queue is full, for `owner` or for everyone."""
        waiting = self._list_waiting()
        own = sum(self.read_owner(folder) == owner for folder in waiting)
        if own >= self._settings.queue_per_person:
            number = _NUMBER_WORDS[own] if own < len(_NUMBER_WORDS) else str(own)
            message = f"{number} of your videos are waiting already. Wait for one, or stop one."
            if own == 1:
                message = "One of your videos is waiting already. Wait for it, or stop it."
            raise Fault(FaultCode.QUEUE_FULL, message)
        if len(waiting) >= self._settings.queue:
            message = f"The queue is full ({len(waiting)} waiting). Try again in a few minutes."
            raise Fault(FaultCode.QUEUE_FULL, message)

    def _enqueue(self, folder: Path) -> None:
        """Waiting comes last, so that an error on the way leaves the job out of the queue."""
        history.HistoryWriter(folder).append(Stage(StageName.QUEUED, "Waiting for its turn"))
        (folder / SUBMITTED).write_text(str(time.time_ns()))
        (folder / WAITING).touch()
        self.due.set()

    def _requeue(self, folder: Path, states: tuple[State, ...], outdated: tuple[str, ...]) -> None:
        """Put a job that is in one of `states` in the queue again, without what is `outdated`."""
        with self._lock_queue():
            if not (folder / SUBMITTED).exists() or self.read_state(folder) not in states:
                return
            self._require_queue_space(self.read_owner(folder))
            with job_folder.hold_lock(folder):  # its last worker may still be on its way out
                for name in (CANCEL, *outdated):
                    job_folder.delete_path(folder / name)
                if outdated and (folder / REMOTE).exists():
                    (folder / REMOTE).rename(folder / PREVIOUS_REMOTE)
                self._enqueue(folder)

    def _is_at_rest(self, folder: Path) -> bool:
        return self.read_state(folder) not in (State.QUEUED, State.RUNNING)

    def _empty_trash(self, gone: Path) -> None:
        """Delete a folder that was set aside: what is a person's at once; the marks of what is
        elsewhere stay until that is gone."""
        marks = [gone / name for name in _REMOTE_FILES if (gone / name).exists()]
        if not marks:
            shutil.rmtree(gone, ignore_errors=True)
            return
        for path in gone.iterdir():
            if path not in marks:
                job_folder.delete_path(path)
        self._forget(gone)

    def _move_to_trash(self, folder: Path) -> Path:
        """The folder, on which nobody works any longer, under a name that no job has."""
        with job_folder.hold_lock(folder, self._end):
            return folder.rename(folder.with_suffix(_TRASH_SUFFIX))


def _read_created_ns(folder: Path) -> int:
    """When it was put in the queue, or else made: by a file's time, for a folder's own may be
    anything on a Volume."""
    owner = folder / OWNER
    since = owner if owner.exists() else folder
    return job_folder.read_time_ns(folder / SUBMITTED) or since.stat().st_mtime_ns
