"""Job store: all jobs of one data folder, and the operations on each.

Several servers may share the folder: `queue.lock` in it is held while a job changes its state.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

from inference.core.events import Stage, StageName
from inference.core.files import delete_path, isolate, write_whole
from inference.core.settings import Settings
from inference.core.task import Task
from inference.core.write_access import SoleWriter, WriteAccess
from inference.jobs import lock, resume, state
from inference.jobs.active import DAY_NS, ActiveJobs, find_active, read_place_ns
from inference.jobs.deletion import (
    TRASH_SUFFIX,
    delete_leftovers,
    empty_trash,
    move_to_trash,
    start_cleanup,
)
from inference.jobs.history import HistoryWriter
from inference.jobs.index import JobIndex
from inference.jobs.process import (
    Launcher,
    WorkerProcess,
    hold_lock,
    start_publishing,
    start_worker,
)
from inference.jobs.state import CANCEL, ID, OWNER, SUBMITTED, WAITING, State
from inference.jobs.turns import Turns
from presets.schema import EngineFamily

__all__ = ["ID", "JOBS", "JobStore", "State"]

JOBS = "jobs"
_QUEUE_LOCK = "queue.lock"
_PREPARING = ".lock"  # suffix beside a job's folder, of the lock that is held until it is submitted
_ID_BYTES = 16


class JobStore:
    """The jobs under `settings.data`.

    `index` tells cheaply whose jobs there are; `due` is set when a job may start. `end` ends the
    worker with a process id instead of killing it; `clean_up` starts to delete the remote data of a
    folder in the trash, then that folder. Operations that change a job raise WriteUnavailable while
    `access` is not granted.
    """

    def __init__(
        self,
        settings: Settings,
        end: Callable[[int], None] | None = None,
        clean_up: Callable[[Path], None] = start_cleanup,
        access: WriteAccess | None = None,
    ) -> None:
        self.due = threading.Event()
        self.access = access or SoleWriter()
        self._settings, self._end, self._clean_up = settings, end, clean_up
        self.data, self._root = settings.data, settings.data / JOBS
        self.index = JobIndex(self._root, lists_always=settings.on_modal)
        self._turns = Turns(settings.data)

    def create(self, owner: str) -> Path:
        """Create a job's folder and return it; its unguessable name is the job's id."""
        with self.prepare(owner) as folder:
            return folder

    @contextmanager
    def prepare(self, owner: str) -> Iterator[Path]:
        """Create a job's folder and yield it; until the end, no server takes it for a leftover."""
        self.access.require()
        folder = self._root / secrets.token_hex(_ID_BYTES)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock.claim(folder.with_suffix(_PREPARING)):
            folder.mkdir(mode=0o700)
            write_whole(folder / OWNER, owner)
            yield folder

    def list_abandoned(self) -> list[Path]:
        """Return the jobs that were not submitted and whose preparation was killed."""
        folders = self.index.list_open()
        free = [path for path in folders if not lock.is_held(path.with_suffix(_PREPARING))]
        return [folder for folder in free if not (folder / SUBMITTED).exists()]

    def find_folder(self, job_id: str) -> Path | None:
        """Return the job's folder; None when the id is invalid or there is no such job."""
        folder = self._root / job_id
        return folder if ID.fullmatch(job_id) and folder.is_dir() else None

    def read_owner(self, folder: Path) -> str:
        """Return the id of the job's owner; "" when the job is gone or that can't be told."""
        return self.index.read_owner(folder)

    def list_owned(self, owner: str) -> list[Path]:
        """Return the submitted jobs of `owner`, the newest first."""
        times = {folder: state.read_submitted_ns(folder) for folder in self.index.list_open(owner)}
        ended = self.index.list_ended(owner)
        times |= {self._root / job: submitted_ns for job, submitted_ns in ended.items()}
        submitted = [folder for folder in times if times[folder]]
        return sorted(submitted, key=lambda folder: times[folder], reverse=True)

    def count_owned(self, owner: str) -> int:
        """Return the number of submitted jobs of `owner`."""
        submitted = [
            folder for folder in self.index.list_open(owner) if (folder / SUBMITTED).exists()
        ]
        return len(submitted) + self.index.count_ended(owner)

    def submit(self, task: Task) -> None:
        """Save `task` and queue its job, unless it was submitted before.

        Raises Fault (code queue_full) when the queue is full, with the folder unchanged, and
        OSError; in both cases the job is not queued.
        """
        with self._lock_queue():
            if not (task.folder / SUBMITTED).exists():
                active = find_active(self.index)
                active.require_space(self.read_owner(task.folder), self._settings)
                task.save()
                self._enqueue(task.folder, active)

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
        line = find_active(self.index).order_waiting(state.read_family(folder), self._turns)
        return line.index(folder) + 1 if folder in line else None

    def cancel(self, folder: Path) -> None:
        """Cancel the job: at once if it waits, soon if it runs. Other states are left alone."""
        with self._lock_queue():
            current = self.read_state(folder)
            if current is State.RUNNING:
                (folder / CANCEL).touch()
            elif current is State.QUEUED:
                delete_path(folder / WAITING)
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
            for folder in self.index.list_unfinished():
                if resume.must_follow(folder, self._settings.on_modal):
                    self._let_wait(folder)

    def publish(self, folder: Path) -> None:
        """Start to publish a finished job.

        Does nothing without a bucket, for an unfinished job, or while a process works on it. Raises
        OSError.
        """
        with self._lock_queue():
            if self._settings.bucket and self.read_state(folder) is State.FINISHED:
                start_publishing(folder, self._settings.bucket)
                self.index.reopen(folder)

    def delete(self, folder: Path) -> None:
        """End the job's worker and delete the job, in any state and for good.

        Does nothing when the job is gone. Raises Fault when its worker does not end.
        """
        with self._lock_queue():
            trashed = move_to_trash(folder, self._end) if folder.is_dir() else None
        folder.with_suffix(_PREPARING).unlink(missing_ok=True)
        if trashed:
            empty_trash(trashed, self._clean_up)

    def sweep(self, now: datetime | None) -> None:
        """Delete leftovers, the trash and, unless `now` is unknown, expired jobs and turns.

        A job expires `keep_days` after it was last queued, or created if it never was; queued and
        running jobs do not expire. A time to come is of a wrong clock, and replaced by `now`.
        """
        if now:
            now_ns = int(now.timestamp() * 1e9)
            with self._lock_queue():
                for folder in self.index.list_all():
                    with isolate(folder):
                        self._expire(folder, now_ns)
                self._turns.sweep(now_ns - self._settings.keep_days * DAY_NS, now_ns + DAY_NS)
        with self._lock_queue():
            delete_leftovers(self.data, self.index.list_unfinished())
        lock.delete_unheld(self._root, f"*{_PREPARING}")
        for trashed in self._root.glob(f"*{TRASH_SUFFIX}"):
            self.access.require()
            with isolate(trashed):
                empty_trash(trashed, self._clean_up)

    def _expire(self, folder: Path, now_ns: int) -> None:
        created_ns, current = state.read_created_ns(folder), self.read_state(folder)
        if current is State.RUNNING or (current is State.QUEUED and self.read_owner(folder)):
            return
        self.access.require()
        if created_ns < now_ns - self._settings.keep_days * DAY_NS:
            move_to_trash(folder, self._end)
        elif created_ns > now_ns + DAY_NS:
            state.write_created(folder, now_ns)
            self.index.reopen(folder)

    def start_due(self, launch: Launcher) -> list[WorkerProcess]:
        """Start the workers of the jobs whose turn it is, and return them."""
        started = []
        with self._lock_queue():
            active = find_active(self.index)
            for family in EngineFamily:
                free = max(0, self._settings.running - len(active.find_busy(family)))
                for folder in active.order_waiting(family, self._turns)[:free]:
                    with isolate(folder):
                        self._turns.write(self.read_owner(folder), family)
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

    def _requeue(self, folder: Path, prepare: Callable[[Path], None]) -> None:
        """Prepare and queue a job that can be resumed."""
        with self._lock_queue():
            if resume.can_resume(folder):
                active = find_active(self.index)
                active.require_space(self.read_owner(folder), self._settings)
                with hold_lock(folder):  # the last worker may still be ending
                    prepare(folder)
                    self._enqueue(folder, active)

    def _enqueue(self, folder: Path, active: ActiveJobs) -> None:
        """Queue the job behind those that wait, also when the clock was ahead with these.

        WAITING is written last: after an error the job is not in the queue.
        """
        HistoryWriter(folder).append(Stage(StageName.QUEUED, "Waiting for its turn"))
        newest_ns = max(map(read_place_ns, active.waiting), default=0)
        write_whole(folder / SUBMITTED, str(max(time.time_ns(), newest_ns + 1)))
        self._let_wait(folder)

    def _let_wait(self, folder: Path) -> None:
        (folder / WAITING).touch()
        os.utime(self._root)  # other servers look again, too; see `JobIndex`
        self.due.set()
