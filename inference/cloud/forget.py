"""Ends what a deleted job left on Modal, then its folder.

    python -m inference.cloud.forget FOLDER

A process of its own, because Modal may take its time, or not answer: the folder stays then, and is
tried again. Exit status: 0 when nothing is left.
"""

import shutil
import sys
from pathlib import Path

from inference.cloud.client import Cloud
from inference.cloud.mark import marks
from inference.errors import Fault


def main(arguments: list[str]) -> int | str:
    """Forget the job whose folder is the one argument; returns the exit status, or what to say."""
    folder = Path(arguments[0])
    try:
        for mark in marks(folder):
            Cloud().forget(mark)
    except Fault as fault:
        return f"{folder.name[:8]} stays on Modal for now: {fault.message}"
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
