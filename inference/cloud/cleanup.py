"""Ends what a deleted job left elsewhere, on Modal and in a bucket, then its folder.

    python -m inference.cloud.cleanup FOLDER

A process of its own, because they may take their time, or not answer: the folder stays then, and is
tried again. Exit status: 0 when nothing is left.
"""

import shutil
import sys
from pathlib import Path

from inference.cloud.client import ModalClient
from inference.cloud.remote_handle import read_handles
from inference.core.errors import Fault
from inference.core.settings import load_settings
from inference.storage.publisher import unpublish


def delete_from_modal(folder: Path) -> str:
    """End what the folder says is made on Modal; returns why it stays there, "" if it doesn't."""
    try:
        for mark in read_handles(folder):
            ModalClient().delete_job(mark)
    except Fault as fault:
        return f"{folder.name[:8]} stays on Modal for now: {fault.message}"
    return ""


def main(arguments: list[str]) -> int | str:
    """Forget the job whose folder is the one argument; returns the exit status, or what to say."""
    folder = Path(arguments[0])
    stays = [delete_from_modal(folder), _unpublish(folder)]
    if not any(stays):
        shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(filter(None, stays)) or 0


def _unpublish(folder: Path) -> str:
    try:
        unpublish(folder, load_settings().region)
    except Fault as fault:
        return f"{folder.name[:8]} stays in its bucket for now: {fault.message}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
