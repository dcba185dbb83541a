"""Start of a child process: forked by a mother that has the modules loaded, or a fresh one.

Both end alike. Where a process can't safely be forked, as on macOS, each child is a fresh one.
"""

import atexit
import itertools
import json
import os
import select
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Protocol

from inference.core import processes
from inference.core.confinement.confine import hide_memory
from inference.core.settings import ROOT
from inference.media.sandbox.child import Order
from inference.media.sandbox.mother import FAULT_STATUS

_CHILD, _MOTHER = "inference.media.sandbox.child", "inference.media.sandbox.mother"
# The stack and heap of each thread count as memory, and the work is too small for threads.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUTF8": "1",
}
_MAX_ORDER_BYTES = 1 << 14  # paths are short, and a pipe takes so much at once
_END_TIMEOUT_S = 10.0  # more than the system needs to end a process


class Launched(Protocol):
    """A started child."""

    def wait(self, timeout_s: float) -> int | None:
        """Return its exit status (negative: killed by that signal); None if it goes on."""

    def kill(self) -> None: ...

    def end(self) -> None:
        """Kill it if it still runs, wait for its end, and release what belongs to it."""


def launch(order: Order, answer: IO[bytes], errors: IO[bytes]) -> Launched:
    """Start a child that writes to these files. Raises OSError."""
    if sys.platform == "linux":
        return _ForkedProcess(order, answer, errors)
    return _FreshProcess(order, answer, errors)


class _FreshProcess:
    """Child that is a Python process of its own."""

    def __init__(self, order: Order, answer: IO[bytes], errors: IO[bytes]) -> None:
        told = _write_order(order)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _CHILD],
                cwd=ROOT,
                env=_ENVIRONMENT,
                stdin=told,
                stdout=answer,
                stderr=errors,
                process_group=0,  # only this process handles Ctrl-C
            )
        finally:
            os.close(told)

    def wait(self, timeout_s: float) -> int | None:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        if self._process.poll() is None:  # else its id may belong to another process by now
            processes.kill(self._process.pid)

    def end(self) -> None:
        self.kill()
        self._process.wait()


class _ForkedProcess:
    """Child of the mother process, which tells its exit status and kills it on request.

    It is started once more by the next mother if its own is killed, for want of memory perhaps.
    """

    def __init__(self, order: Order, answer: IO[bytes], errors: IO[bytes]) -> None:
        self._order, self._files = order, (answer, errors)
        self._known: int | None = None
        self._is_final = False  # it is not started once more
        self._start()

    def _start(self) -> None:
        self._number, self._status, self._channel = _NURSERY.fork(self._order, *self._files)

    def wait(self, timeout_s: float) -> int | None:
        if self._known is None and self._poll(timeout_s):
            told = os.read(self._status, 16)
            if told or self._is_final:
                self._known = int(told or FAULT_STATUS)
            else:
                self._start_again()
        return self._known

    def _start_again(self) -> None:
        self._is_final = True
        for file in self._files:
            file.truncate(0)
            file.seek(0)
        _NURSERY.drop(self._channel)
        ended = self._status
        self._start()
        os.close(ended)

    def kill(self) -> None:
        self._is_final = True
        if self._known is None:
            with suppress(OSError):  # the mother has ended, and its children with it
                self._channel.send(json.dumps({"number": self._number}).encode())

    def end(self) -> None:
        self.kill()
        self.wait(_END_TIMEOUT_S)
        os.close(self._status)

    def _poll(self, timeout_s: float) -> bool:
        waiting = select.poll()  # unlike select(), for any number of open files
        waiting.register(self._status, select.POLLIN)
        return bool(waiting.poll(1000 * timeout_s))


class _Nursery:
    """The mother process of this process's children, started with the first and when it is gone."""

    def __init__(self) -> None:
        self._lock, self._numbers = threading.Lock(), itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def fork(
        self, order: Order, answer: IO[bytes], errors: IO[bytes]
    ) -> tuple[int, int, socket.socket]:
        """Start a child; return its number, a descriptor for its status, and the mother's channel.

        Raises OSError.
        """
        number = next(self._numbers)
        module = order.entry.partition(":")[0]
        # all children are copies of the mother: what one must not know she must not either
        message = json.dumps({"number": number, "module": module}).encode()
        own = _write_order(order)
        status, told = os.pipe()
        try:
            with self._lock:
                channel = self._send(message, [own, answer.fileno(), errors.fileno(), told])
        except BaseException:
            os.close(status)
            raise
        finally:
            os.close(own)
            os.close(told)
        return number, status, channel

    def drop(self, channel: socket.socket) -> None:
        """End the mother at the other end of the channel, who may be ending, if she is the last."""
        with self._lock:
            if self._process and self._channel is channel:
                self._process.kill()
                self.close()

    def close(self) -> None:
        """End the mother and her children."""
        if self._process is None or self._channel is None:
            return
        self._channel.close()
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._channel = None
        atexit.unregister(self.close)

    def _send(self, message: bytes, descriptors: list[int]) -> socket.socket:
        """Send the message to the mother, to another one if she has ended."""
        try:
            channel = self._connect()
            socket.send_fds(channel, [message], descriptors)
        except ConnectionError:
            self.close()
            channel = self._connect()
            socket.send_fds(channel, [message], descriptors)
        return channel

    def _connect(self) -> socket.socket:
        if self._channel is not None and self._process and self._process.poll() is None:
            return self._channel
        self.close()
        hide_memory()  # this process decodes what anybody made
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MOTHER],
                cwd=ROOT,
                env=_ENVIRONMENT,
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        atexit.register(self.close)
        return self._channel


_NURSERY = _Nursery()


def _write_order(order: Order) -> int:
    """Return a descriptor from which one child reads the order. Raises OSError."""
    content = json.dumps(asdict(order)).encode()
    if len(content) > _MAX_ORDER_BYTES:
        raise OSError("these paths are too long")
    told, tell = os.pipe()
    with open(tell, "wb") as pipe:
        pipe.write(content)
    return told
