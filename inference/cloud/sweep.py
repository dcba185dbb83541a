"""Sweep of abandoned job folders on the Volume, by a time that is stored in each.

The times that a Volume reports for folders are unusable: they may be old, or 0.
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from inference.cloud.status import StatusStore
from inference.core.files import read_word, write_whole

USED_AT = "used-at"  # in a job's folder: when it was sent or a run began, in seconds since 1970
_DAY_S = 24 * 60 * 60
_UNFINISHED_EXTRA_DAYS = 7  # far more than a call waits and runs


def encode_now() -> bytes:
    """Return the current time as the contents of USED_AT."""
    return b"%d\n" % time.time()


def sweep(work: Path, status: StatusStore, keep_days: int) -> None:
    """Delete the folders in `work` that were last used more than `keep_days` ago.

    Senders delete a job's folder when they have the video, unless they never come back. Unfinished
    jobs are kept longer.
    """
    for folder in work.glob("*"):
        days = _read_unused_days(folder)
        if days is None:  # counted from now on
            with suppress(OSError):
                write_whole(folder / USED_AT, encode_now())
        elif days > keep_days and (
            days > keep_days + _UNFINISHED_EXTRA_DAYS or not status.is_unfinished(folder.name)
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _read_unused_days(folder: Path) -> float | None:
    """Return for how many days the folder was not used; None when it does not tell."""
    try:
        days = (time.time() - int(read_word(folder / USED_AT))) / _DAY_S
    except (ValueError, OverflowError):
        return None
    return days if days > -1 else None  # a time to come is of a wrong clock
