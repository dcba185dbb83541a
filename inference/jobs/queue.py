"""Starts jobs when their turn has come, as a thread of the server.

A worker is a process in a session of its own: it goes on when the server ends, however that
ends, and the next server takes up the queue where it is.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from inference.core import processes
from inference.core.write_access import WriteUnavailable
from inference.jobs.job_folder import LOG, Launcher, WorkerProcess
from inference.jobs.store import JobStore

logger = logging.getLogger(__name__)

WORKER = "inference.jobs.worker"  # the module that runs a job; its one argument is the folder
Sweep = Callable[[datetime], None]

_POLL_S = 2.0  # until an end of another server's worker is noticed
_SWEEP_S = 60 * 60.0


def launch_worker(folder: Path, lock: int) -> subprocess.Popen[bytes]:
    """The new process that carries out the job in `folder`; it holds `lock` until its end."""
    return processes.start(WORKER, folder, lock, folder / LOG)


class Dispatcher:
    """Starts what is due in `jobs`, from each `start` to `close`; `launch_worker` makes a job's
    process.

    Now and then the jobs are swept, and with them whatever `sweep` is for.
    """

    def __init__(
        self, jobs: JobStore, launch: Launcher = launch_worker, sweep: Sweep = lambda now: None
    ) -> None:
        self._jobs, self._launch, self._sweep = jobs, launch, sweep
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to start jobs, and follow again those that are made elsewhere. Raises OSError."""
        self._jobs.resume_remote()
        self._closed.clear()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Start no more jobs; those at work go on. Returns when the thread has ended."""
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
                    self._sweep(datetime.now(UTC))
                    self._jobs.sweep(datetime.now(UTC))
            except WriteUnavailable:
                logger.info("another machine goes on with the queue")
            except Exception:  # one job's broken folder, a full disk: the others' turn comes too
                logger.exception("the queue could not go on")
            self._jobs.due.wait(_POLL_S)
            self._jobs.due.clear()

    def _start_due(self) -> None:
        for worker in self._jobs.start_due(self._launch):
            threading.Thread(target=self._wait_for_end, args=(worker,), daemon=True).start()

    def _wait_for_end(self, worker: WorkerProcess) -> None:
        """Somebody has to ask for a worker's end, and then the next one may start."""
        logger.info("worker %d ended with status %d", worker.pid, worker.wait())
        self._jobs.due.set()
