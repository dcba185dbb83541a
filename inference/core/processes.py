"""Processes that go on beside this one, each in a session of its own.

They outlive this process, unless it ends them: where several machines take turns with a folder,
what works on it must end before the next one's turn.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from inference.core.settings import ROOT

_running: set[subprocess.Popen[bytes]] = set()


def start(
    module: str, folder: Path, lock: int | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `python -m module folder`, and return it.

    `lock` is a descriptor that it holds until its end, as its standard input; what it says is
    appended to `log`. Raises OSError.
    """
    output = log.open("ab") if log else None
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            cwd=ROOT,
            stdin=lock,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        if output:
            output.close()
    _running.add(process)
    threading.Thread(target=_reap, args=(process,), daemon=True).start()
    return process


def kill_all() -> None:
    """End every process that this one has started, and all that they have started."""
    for process in list(_running):
        if process.poll() is None:  # else its number may be another's by now
            kill(process.pid)
        process.wait()


def kill(pid: int) -> None:
    """End the process and, where it leads one, its whole group, at once."""
    with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Ask for its end, or it would stay in the system's table of processes."""
    process.wait()
    _running.discard(process)
