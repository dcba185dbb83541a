"""Job store: all jobs of one data folder, and the operations on each.

Several servers may share the folder: `queue.lock` in it is held while a job changes its state.
"""

import secrets
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
from inference.core.task import Task
from inference.core.write_access import SoleWriter, WriteAccess
from inference.jobs import lock, resume, state
from inference.jobs.deletion import TRASH_SUFFIX, empty_trash, move_to_trash, start_cleanup
from inference.jobs.fairness import Usage, WaitingJob, order_by_turn
from inference.jobs.history import HistoryWriter
from inference.jobs.process import (
    Launcher,
    WorkerProcess,
    hold_lock,
    start_publishing,
    start_worker,
)
from inference.jobs.state import CANCEL, ID, OWNER, SUBMITTED, WAITING, State
from presets.schema import EngineFamily

__all__ = ["ID", "JOBS", "JobStore", "State"]

JOBS = "jobs"
_TURNS = "turns"
_QUEUE_LOCK = "queue.lock"
_ID_BYTES = 16
_DAY_S = 24 * 60 * 60
_NUMBER_WORDS = "No One Two Three Four Five Six Seven Eight Nine Ten".split()


class JobStore:
    """The jobs under `settings.data`.

    `due` is set when a job may start. `end` ends the worker with a process id; `clean_up` starts to
    delete the remote data of a folder in the trash, then that folder. Operations that change a job
    raise WriteUnavailable while `access` is not granted.
    """

    def __init__(
        self,
        settings: Settings,
        end: Callable[[int], None] = processes.kill,
        clean_up: Callable[[Path], None] = start_cleanup,
        access: WriteAccess | None = None,
    ) -> None:
        self.due = threading.Event()
        self.access = access or SoleWriter()
        self._settings, self._end, self._clean_up = settings, end, clean_up
        self._root = settings.data / JOBS

    def create(self, owner: str) -> Path:
        """Create a job's folder and return it; its unguessable name is the job's id."""
        self.access.require()
        folder = self._root / secrets.token_hex(_ID_BYTES)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        (folder / OWNER).write_text(owner)
        return folder

    def find_folder(self, job_id: str) -> Path | None:
        """Return the job's folder; None when the id is invalid or there is no such job."""
        folder = self._root / job_id
        return folder if ID.fullmatch(job_id) and folder.is_dir() else None

    def read_owner(self, folder: Path) -> str:
        """Return the id of the job's owner; "" when the job is gone."""
        return state.read_owner(folder)

    def list_owned(self, owner: str) -> list[Path]:
        """Return the submitted jobs of `owner`, the newest first."""
        times = {
            folder: state.read_time_ns(folder / SUBMITTED)
            for folder in self._list_all()
            if self.read_owner(folder) == owner
        }
        submitted = [folder for folder in times if times[folder]]
        return sorted(submitted, key=lambda folder: times[folder], reverse=True)

    def submit(self, task: Task) -> None:
        """Save `task` and queue its job, unless it was submitted before.

        Raises Fault (code queue_full) when the queue is full, with the folder unchanged, and
        OSError; in both cases the job is not queued.
        """
        with self._lock_queue():
            if not (task.folder / SUBMITTED).exists():
                self._require_queue_space(self.read_owner(task.folder))
                task.save()
                self._enqueue(task.folder)

    def read_state(self, folder: Path) -> State:
        """Return the current state of the job."""
        return state.read_state(folder)

    def is_cancelled(self, folder: Path) -> bool:
        """Tell whether the job's worker was asked to stop."""
        return state.is_cancelled(folder)

    def find_place(self, folder: Path) -> int | None:
        """Return the job's place in its engine family's queue, 1 being next; None if not queued."""
        if not (folder / WAITING).exists():
            return None
        line = self._order_waiting(state.read_family(folder))
        return line.index(folder) + 1 if folder in line else None

    def cancel(self, folder: Path) -> None:
        """Cancel the job: at once if it waits, soon if it runs. Other states are left alone."""
        with self._lock_queue():
            current = self.read_state(folder)
            if current is State.RUNNING:
                (folder / CANCEL).touch()
            elif current is State.QUEUED:
                (folder / WAITING).unlink()
                HistoryWriter(folder).append(state.build_cancelled(folder))

    def resume(self, folder: Path) -> None:
        """Queue the job to resume from its last finished window; see `inference.jobs.resume`.

        Does nothing unless it failed, was cancelled or was interrupted. Raises Fault (code
        queue_full) when the queue is full, and OSError.
        """
        self._requeue(folder, resume.prepare_resume)

    def restart(self, folder: Path) -> None:
        """Queue the job to start from its first window, without its outputs and history.

        Does nothing unless it failed, was cancelled or was interrupted. Raises Fault (code
        queue_full) when the queue is full, and OSError.
        """
        self._requeue(folder, resume.prepare_restart)

    def resume_remote(self) -> None:
        """Queue the jobs that are made on Modal and lost their worker with an earlier server.

        To be called when a server starts. They keep their turn, and a full queue takes them, too.
        """
        with self._lock_queue():
            for folder in self._list_all():
                if resume.must_follow(folder, self._settings.on_modal):
                    (folder / WAITING).touch()
                    self.due.set()

    def publish(self, folder: Path) -> None:
        """Start to publish a finished job.

        Does nothing without a bucket, for an unfinished job, or while a process works on it. Raises
        OSError.
        """
        with self._lock_queue():
            if self._settings.bucket and self.read_state(folder) is State.FINISHED:
                start_publishing(folder, self._settings.bucket)

    def delete(self, folder: Path) -> None:
        """End the job's worker and delete the job, in any state and for good.

        Does nothing when the job is gone. Raises Fault when its worker does not end.
        """
        with self._lock_queue():
            trashed = move_to_trash(folder, self._end) if folder.is_dir() else None
        if trashed:
            empty_trash(trashed, self._clean_up)

    def sweep(self, now: datetime) -> None:
        """Delete expired jobs and turns, and retry unfinished deletions.

        A job expires `keep_days` after it was last queued, or created if it never was; queued and
        running jobs do not expire.
        """
        before_ns = int((now.timestamp() - self._settings.keep_days * _DAY_S) * 1e9)
        with self._lock_queue():
            for folder in self._list_all():
                active = self.read_state(folder) in (State.QUEUED, State.RUNNING)
                if state.read_created_ns(folder) < before_ns and not active:
                    self.access.require()
                    move_to_trash(folder, self._end)
            for turn in (self._settings.data / _TURNS).glob("*"):
                if state.read_time_ns(turn) < before_ns:
                    turn.unlink()
        for trashed in self._root.glob(f"*{TRASH_SUFFIX}"):
            self.access.require()
            empty_trash(trashed, self._clean_up)

    def start_due(self, launch: Launcher) -> list[WorkerProcess]:
        """Start the workers of the jobs whose turn it is, and return them."""
        started = []
        with self._lock_queue():
            for family in EngineFamily:
                free = self._settings.running - len(self._list_running(family))
                for folder in self._order_waiting(family)[: max(0, free)]:
                    self._write_turn(self.read_owner(folder), family)
                    worker = start_worker(folder, launch)
                    started += [worker] if worker else []
        return started

    def _lock_queue(self) -> AbstractContextManager[None]:
        """Keep other threads and processes from changing the state of any job.

        Raises WriteUnavailable.
        """
        self.access.require()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return lock.hold(self._settings.data / _QUEUE_LOCK)

    def _list_all(self) -> list[Path]:
        try:
            return [path for path in self._root.iterdir() if ID.fullmatch(path.name)]
        except FileNotFoundError:
            return []

    def _list_waiting(self) -> list[Path]:
        """Return the queued jobs, except one whose earlier worker is still ending."""
        queued = [folder for folder in self._list_all() if (folder / WAITING).exists()]
        return [folder for folder in queued if not state.is_busy(folder)]

    def _list_running(self, family: EngineFamily) -> list[Path]:
        busy = [folder for folder in self._list_all() if state.is_busy(folder)]
        return [folder for folder in busy if state.read_family(folder) is family]

    def _order_waiting(self, family: EngineFamily) -> list[Path]:
        """Return the jobs that wait for that family, the next one first."""
        waiting = [
            WaitingJob(folder.name, self.read_owner(folder), state.read_time_ns(folder / SUBMITTED))
            for folder in self._list_waiting()
            if state.read_family(folder) is family
        ]
        usage = self._read_usage({job.owner for job in waiting}, family)
        return [self._root / job.job for job in order_by_turn(waiting, usage)]

    def _read_usage(self, owners: set[str], family: EngineFamily) -> dict[str, Usage]:
        """Return each owner's running jobs and last turn in that family."""
        if not owners:
            return {}
        running = [self.read_owner(folder) for folder in self._list_running(family)]
        last_ns = {owner: state.read_time_ns(self._turn_file(owner, family)) for owner in owners}
        return {owner: Usage(running.count(owner), last_ns[owner]) for owner in owners}

    def _turn_file(self, owner: str, family: EngineFamily) -> Path:
        """Return the file with the time of the owner's last turn.

        It is outside the job's folder: deleting a job that just started must not give its owner the
        next turn as well.
        """
        return self._settings.data / _TURNS / f"{family}-{owner}"

    def _write_turn(self, owner: str, family: EngineFamily) -> None:
        turn = self._turn_file(owner, family)
        turn.parent.mkdir(mode=0o700, exist_ok=True)
        turn.write_text(str(time.time_ns()))

    def _require_queue_space(self, owner: str) -> None:
        """Raise Fault when the queue is full, for `owner` or for everyone."""
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

    def _requeue(self, folder: Path, prepare: Callable[[Path], None]) -> None:
        """Prepare and queue a job that can be resumed."""
        with self._lock_queue():
            if resume.can_resume(folder):
                self._require_queue_space(self.read_owner(folder))
                with hold_lock(folder):  # the last worker may still be ending
                    prepare(folder)
                    self._enqueue(folder)

    def _enqueue(self, folder: Path) -> None:
        """Queue the job. WAITING is written last: after an error the job is not in the queue."""
        HistoryWriter(folder).append(Stage(StageName.QUEUED, "Waiting for its turn"))
        (folder / SUBMITTED).write_text(str(time.time_ns()))
        (folder / WAITING).touch()
        self.due.set()
