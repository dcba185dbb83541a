"""Background processes, each in a session of its own.

They outlive this process unless it kills them: where several machines take turns at writing to a
folder, the processes that work on it must end before the next machine's turn.
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
    """Start `python -m module folder` and return the process.

    `lock` is a file descriptor that the process holds until its end, as its standard input; its
    output is appended to `log`. Raises OSError.
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
    """Kill every process started here, with its process group."""
    for process in list(_running):
        if process.poll() is None:  # else its id may belong to another process by now
            kill(process.pid)
        process.wait()


def kill_worker(pid: int, folder: Path) -> None:
    """Kill the process if it was started for `folder`: a stored id may be damaged."""
    try:
        is_worker = folder.name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended, or macOS, which does not tell
        is_worker = not Path("/proc/self").exists() and pid not in (1, os.getpid(), os.getpgrp())
    if is_worker:
        kill(pid)


def kill(pid: int) -> None:
    """Kill the process and, if it leads a process group, the whole group."""
    with suppress(ProcessLookupError, PermissionError):  # the process has ended meanwhile
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for the process, so that it does not stay a zombie."""
    process.wait()
    _running.discard(process)
