"""Deletion of what a deleted job left on Modal and in a bucket, then of its folder.

    python -m inference.cloud.cleanup FOLDER

A process of its own, because these services may be slow or unreachable. The folder stays then, and
the deletion is retried later. Exit status: 0 when nothing is left.
"""

import shutil
import sys
from pathlib import Path

from inference.cloud.client import ModalClient
from inference.cloud.remote_handle import read_handles
from inference.core.confinement.confine import hide_memory
from inference.core.errors import Fault
from inference.core.settings import load_settings
from inference.storage.publisher import unpublish


def delete_from_modal(folder: Path) -> str:
    """Delete the remote jobs of the folder's handles; return why they stay, or "".

    Handles of other jobs are left alone: where drafts aren't confined, one may have been put here.
    """
    try:
        for handle in read_handles(folder):
            if handle.job in (folder.name, folder.stem):  # stem: it waits to be deleted
                ModalClient().delete_job(handle)
    except Fault as fault:
        return f"{folder.name[:8]} stays on Modal for now: {fault.message}"
    return ""


def main(arguments: list[str]) -> int | str:
    """Clean up after the job whose folder is the one argument.

    Returns the exit status, or a message that stands for status 1.
    """
    hide_memory()
    folder = Path(arguments[0])
    reasons = [delete_from_modal(folder), _unpublish(folder)]
    if not any(reasons):
        shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(filter(None, reasons)) or 0


def _unpublish(folder: Path) -> str:
    try:
        unpublish(folder, load_settings().region)
    except Fault as fault:
        return f"{folder.name[:8]} stays in its bucket for now: {fault.message}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
