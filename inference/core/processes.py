"""Background processes, each in a session of its own.

They outlive this process unless it kills them: where several machines take turns at writing to a
folder, the processes that work on it must end before the next machine's turn.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import IO, NamedTuple

from inference.core.settings import ROOT

WAIT = "--wait"  # in place of the folder: it comes through standard input
_SET_NAME = 15  # of prctl
_SPARE_S = 600.0  # after which a process that was prepared ends

_running: set[subprocess.Popen[bytes]] = set()


class _Spare(NamedTuple):
    """Process that waits for its folder; it ends when the channel is closed."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    timer: threading.Timer

    def close(self) -> None:
        self.timer.cancel()
        self.channel.close()


_spares: dict[str, _Spare] = {}
_spares_lock = threading.Lock()


def prepare(module: str) -> None:
    """Start a process ahead, for the next `start` of the module: it imports what it will need.

    The module calls `receive_folder`. A process that is not needed ends after ten minutes.
    """
    with _spares_lock:
        if before := _spares.get(module):
            if before.process.poll() is None:
                return
            before.close()
        ours, theirs = socket.socketpair()
        with theirs:
            process = _start(module, WAIT, theirs.fileno())
        timer = threading.Timer(_SPARE_S, _end_spare, (module, process))
        timer.daemon = True
        _spares[module] = _Spare(process, ours, timer)
        timer.start()


def _end_spare(module: str, process: subprocess.Popen[bytes]) -> None:
    with _spares_lock:
        if (spare := _spares.get(module)) and spare.process is process:
            _spares.pop(module).close()


def receive_folder() -> str:
    """Return the folder for this process, which `prepare` started; its log and lock are as usual.

    Raises SystemExit when the process is not needed.
    """
    with socket.socket(fileno=os.dup(0)) as channel:
        folder, descriptors, *_ = socket.recv_fds(channel, 4096, 2)
    if not folder:
        raise SystemExit
    lock, log = descriptors
    for own, given in ((0, lock), (1, log), (2, log)):
        os.dup2(given, own)
    for given in descriptors:
        os.close(given)
    if sys.platform == "linux":  # not by /proc/self/comm, which is closed with the memory
        ctypes.CDLL(None).prctl(_SET_NAME, _name(folder), 0, 0, 0)
    return os.fsdecode(folder)


def _name(folder: bytes) -> bytes:
    """Return the name by which a process that works on the folder is known."""
    return os.path.basename(folder)[-15:]  # Linux takes no more


def start(
    module: str, folder: Path, lock: int | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `python -m module folder` and return the process.

    `lock` is a file descriptor that the process holds until its end, as its standard input; its
    output is appended to `log`. Raises OSError.
    """
    with ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        if lock is not None and output and (spare := _hand_over(module, folder, lock, output)):
            return spare
        return _start(module, str(folder), lock, output)


def _hand_over(
    module: str, folder: Path, lock: int, log: IO[bytes]
) -> subprocess.Popen[bytes] | None:
    """Give the folder to the process prepared for the module; return None if there is none."""
    with _spares_lock:
        spare = _spares.pop(module, None)
    if spare is None:
        return None
    with closing(spare):
        try:
            socket.send_fds(spare.channel, [os.fsencode(folder)], [lock, log.fileno()])
        except OSError:  # it has ended
            return None
    return spare.process


def _start(
    module: str,
    argument: str,
    input: int | None,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, argument],
        cwd=ROOT,
        stdin=input,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
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
    name, process = os.fsencode(folder.name), Path(f"/proc/{pid}")
    try:
        is_worker = name in (process / "cmdline").read_bytes() or (
            _name(name) == (process / "comm").read_bytes().removesuffix(b"\n")
        )
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
