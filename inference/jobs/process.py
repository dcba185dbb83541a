"""Processes that work on a job: starting them, and holding the job's lock without them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from inference.core import processes
from inference.core.errors import Fault, FaultCode
from inference.core.events import Failed
from inference.core.files import delete_path
from inference.jobs import lock
from inference.jobs.history import HistoryWriter
from inference.jobs.state import LOCK, LOG, WAITING
from inference.storage.publication import write_pending_publication

_END_TIMEOUT_S = 10.0  # more than the system needs to end a process


class WorkerProcess(Protocol):
    """A started worker."""

    @property
    def pid(self) -> int: ...

    def wait(self) -> int: ...


# Starts the worker of a folder. The second argument is the descriptor of the job's lock, which the
# worker inherits.
Launcher = Callable[[Path, int], WorkerProcess]


def start_worker(folder: Path, launch: Launcher) -> WorkerProcess | None:
    """Start the worker of a job whose turn it is, and return it.

    Returns None when it can't be started, which fails the job, or when another process has the
    lock. The job leaves the queue first: a worker that always dies is not to be started forever.
    """
    descriptor = lock.acquire(folder / LOCK)
    if descriptor is None:
        return None
    try:
        delete_path(folder / WAITING)
        process = launch(folder, descriptor)
        with suppress(OSError):  # a full disk: without its id it can't be killed, but it works
            lock.write_holder(descriptor, process.pid)
        return process
    except OSError as error:
        message = "The work could not be started. Try again."
        with suppress(OSError):  # a full disk: the job is interrupted without a message
            HistoryWriter(folder).append(Failed(FaultCode.INTERNAL, message, str(error)))
        return None
    finally:
        os.close(descriptor)


def start_publishing(folder: Path, bucket: str) -> None:
    """Start to publish the finished job; see `inference.storage.publisher`.

    The process survives this one, and holds the job's lock, so that deleting the job ends it first.
    Does nothing when another process works on the job. Raises OSError.
    """
    descriptor = lock.acquire(folder / LOCK)
    if descriptor is None:
        return
    try:
        write_pending_publication(folder, bucket)
        process = processes.start("inference.storage.publisher", folder, descriptor, folder / LOG)
        lock.write_holder(descriptor, process.pid)
    finally:
        os.close(descriptor)


@contextmanager
def hold_lock(folder: Path, end: Callable[[int], None] | None = None) -> Iterator[None]:
    """Hold the job's lock, once its worker has ended.

    `end` is called with the worker's process id to end it; without `end` this only waits. Raises
    Fault when the worker does not end in time.
    """
    deadline = time.monotonic() + _END_TIMEOUT_S
    while (descriptor := lock.acquire(folder / LOCK)) is None:
        worker = lock.read_holder(folder / LOCK)
        if time.monotonic() > deadline:
            message = "The work on this video can't be ended. Try again in a minute."
            raise Fault(FaultCode.INTERNAL, message, f"worker {worker}")
        if end and worker:
            end(worker)
    try:
        yield
    finally:
        os.close(descriptor)
