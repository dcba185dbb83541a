"""Dispatcher: a thread of the server that starts jobs when their turn comes.

A worker is a process in a session of its own. It survives the server, and the next server reads the
queue from the jobs' folders; see `inference.jobs.resume`.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from inference.core import processes
from inference.core.write_access import WriteUnavailable
from inference.jobs.clock import ExpiryClock
from inference.jobs.process import Launcher, WorkerProcess
from inference.jobs.state import LOG
from inference.jobs.store import JobStore

logger = logging.getLogger(__name__)

WORKER = "inference.jobs.worker"  # the module that runs a job; its one argument is the folder
Sweep = Callable[[datetime | None], None]

_POLL_S = 2.0  # until the end of a worker of another server is noticed
_SWEEP_S = 60 * 60.0


def launch_worker(folder: Path, lock: int) -> subprocess.Popen[bytes]:
    """Start the process that runs the job; it inherits the descriptor `lock`."""
    return processes.start(WORKER, folder, lock, folder / LOG)


def prepare_worker() -> None:
    """Start a process ahead, because a job is likely to come."""
    with suppress(OSError):  # then the job's process starts later
        processes.prepare(WORKER)


class Dispatcher:
    """Starts due jobs with `launch`, between `start` and `close`.

    Once an hour it calls `sweep` for leftovers and, by `clock`, for what expires, and sweeps the
    jobs; they get None for the time while that is in doubt.
    """

    def __init__(
        self,
        jobs: JobStore,
        launch: Launcher = launch_worker,
        sweep: Sweep = lambda now: None,
        clock: ExpiryClock | None = None,
    ) -> None:
        self._jobs, self._launch, self._sweep = jobs, launch, sweep
        self._clock = clock or ExpiryClock(jobs.data)
        self._said = ""  # the last error, which may come again and again
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Resume the jobs that are made on Modal, and begin to start jobs. Raises OSError."""
        self._jobs.resume_remote()
        self._closed.clear()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Start no more jobs, and wait for the thread's end. Running jobs are left alone."""
        self._closed.set()
        self._jobs.due.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        swept = -_SWEEP_S
        while not self._closed.is_set():
            try:
                self._start_due()
                if time.monotonic() - swept >= _SWEEP_S:
                    swept = time.monotonic()
                    self._jobs.access.require()
                    now = self._clock.read()
                    self._jobs.sweep(now)
                    self._sweep(now)
                self._said = ""
            except WriteUnavailable:
                logger.info("another machine goes on with the queue")
            except Exception as error:  # such as a full disk, which need not stay full
                if repr(error) != self._said:
                    logger.exception("the queue could not go on")
                self._said = repr(error)
            self._jobs.due.wait(_POLL_S)
            self._jobs.due.clear()

    def _start_due(self) -> None:
        for worker in self._jobs.start_due(self._launch):
            threading.Thread(target=self._wait_for_end, args=(worker,), daemon=True).start()

    def _wait_for_end(self, worker: WorkerProcess) -> None:
        """Wake the queue when the worker has ended."""
        logger.info("worker %d ended with status %d", worker.pid, worker.wait())
        self._jobs.due.set()
