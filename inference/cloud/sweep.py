"""Jobs' folders that nobody came back for, and the time written in each by which they are known.

The times of a Volume's folders say nothing: they may be old, or 0.
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from inference.cloud.status import StatusStore

USED_AT = "used-at"  # in a job's folder: when it was sent or its making began, seconds since 1970
_DAY_S = 24 * 60 * 60
_UNFINISHED_EXTRA_DAYS = (
    7  # how much longer an unfinished one stays; a call waits and runs far less
)


def encode_now() -> bytes:
    """What a folder's STAMP says now."""
    return b"%d\n" % time.time()


def sweep(work: Path, board: StatusStore, keep_days: int) -> None:
    """Delete the folders in `work` that were last used longer ago than they are kept: whoever made
    a job removes its folder when they have the video, unless they never came back."""
    for folder in work.glob("*"):
        days = _read_unused_days(folder)
        if days is None:  # it counts from now on
            with suppress(OSError):
                (folder / USED_AT).write_bytes(encode_now())
        elif days > keep_days and (
            days > keep_days + _UNFINISHED_EXTRA_DAYS or not board.is_unfinished(folder.name)
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _read_unused_days(folder: Path) -> float | None:
    try:
        return (time.time() - int((folder / USED_AT).read_text())) / _DAY_S
    except (OSError, ValueError):
        return None
