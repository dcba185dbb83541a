"""Deletion of jobs: the folder leaves the list at once, its contents step by step.

A folder in the trash has a name that no job can have. It stays there while data of the job is still
on Modal or in a bucket; `inference.cloud.cleanup` deletes that, and then the folder.
"""

import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from inference.core import processes
from inference.core.files import PART, delete_path, isolate
from inference.core.task import PREVIOUS_REMOTE, PUBLISHED, REMOTE
from inference.jobs import lock
from inference.jobs.process import hold_lock
from inference.jobs.state import SUBMITTED, is_busy
from inference.jobs.turns import TURNS

TRASH_SUFFIX = ".deleted"
KEYS = "keys"  # in the data folder: locks on the keys of requests that are being taken in
_PARTS = f"*{PART}"
_REMOTE_FILES = (REMOTE, PREVIOUS_REMOTE, PUBLISHED)  # these name data outside the folder


def move_to_trash(folder: Path, end: Callable[[int], None] | None = None) -> Path:
    """Rename the job's folder once its worker was ended, by `end` or killed; return the new path.

    Raises Fault when the worker does not end.
    """
    with hold_lock(folder, end or partial(processes.kill_worker, folder=folder)):
        return folder.rename(folder.with_suffix(TRASH_SUFFIX))


def empty_trash(trashed: Path, clean_up: Callable[[Path], None]) -> None:
    """Delete a folder in the trash.

    When it names data outside, only the files that do so stay, and `clean_up` is started for them.
    """
    kept = [trashed / name for name in _REMOTE_FILES if (trashed / name).exists()]
    if not kept:
        shutil.rmtree(trashed, ignore_errors=True)
        return
    for path in trashed.iterdir():
        if path not in kept:
            delete_path(path)
    clean_up(trashed)


def delete_leftovers(data: Path, jobs: Iterable[Path]) -> None:
    """Delete what killed processes left: half-written files, and locks that nobody holds.

    `jobs` may have such files; call it with the queue locked.
    """
    for folder, pattern in ((data, _PARTS), (data / TURNS, _PARTS), (data / KEYS, "*")):
        lock.delete_unheld(folder, pattern)
    for job in jobs:
        with isolate(job):
            if (job / SUBMITTED).exists() and not is_busy(job):
                for part in [*job.glob(_PARTS), *job.glob(f"*/{_PARTS}")]:
                    delete_path(part)


def start_cleanup(trashed: Path) -> None:
    """Start to delete the job's data outside the folder; see `inference.cloud.cleanup`.

    The process survives this one. Raises OSError.
    """
    processes.start("inference.cloud.cleanup", trashed)
