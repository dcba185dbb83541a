"""Mother process of the children: it holds the loaded modules, and forks one child for each order.

`python -m inference.media.sandbox.mother`, with a socket as standard input, gets the names of
modules with four descriptors each: for an order, its answer, error output, and the exit status. It
reads no order and opens no file of anyone itself, has one thread, and ends with the process at the
socket's other end. It isn't confined, as that would confine the children to less than they need;
they are, each to its files.
"""

import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inference.core.confinement.confine import end_with_parent, hide_memory
from inference.media.sandbox.child import carry_out_order

FAULT_STATUS = 1  # exit status of a child that failed for a fault of ours
_MAX_MESSAGE_BYTES = 1 << 12
_DESCRIPTORS = 4
_MAX_THREADS = 64  # of a child: no limit of the system's holds root's
_COUNTING_S = 0.1
_MAX_OPEN_FILES = 1024  # far more than one for each child that there may be at a time


@dataclass(frozen=True)
class _Child:
    number: int  # given by the other side
    status: int  # descriptor


@dataclass
class Mother:
    """Children by process id until they are reaped, and the modules that are loaded for them."""

    channel: socket.socket
    children: dict[int, _Child] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)

    def serve(self, ended: int) -> None:
        """Follow what comes through the channel until it closes; `ended` tells of children."""
        while True:
            waiting_s = _COUNTING_S if self.children else None
            ready, _, _ = select.select([self.channel.fileno(), ended], [], [], waiting_s)
            self._kill_those_with_many_threads()
            if ended in ready:
                os.read(ended, 4096)
                self._reap()
            if self.channel.fileno() in ready:
                message, descriptors, _, _ = socket.recv_fds(
                    self.channel, _MAX_MESSAGE_BYTES, _DESCRIPTORS
                )
                if not message:
                    return
                self._follow(json.loads(message), descriptors)

    def kill(self, number: int | None = None) -> None:
        """Kill the child of that number, or all, with what they may have started."""
        for pid, child in self.children.items():
            if number in (None, child.number):
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)

    def _follow(self, message: dict[str, object], descriptors: list[int]) -> None:
        number = message["number"]
        assert isinstance(number, int)
        if "module" not in message:
            self.kill(number)
            return
        self._load(str(message["module"]))
        *others, status = descriptors
        mother = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # no memory or no more processes; the other children go on
            os.write(others[-1], repr(error).encode())
            _tell(status, FAULT_STATUS)
        else:
            if pid == 0:
                self._be_child(descriptors, mother)
            with suppress(OSError):  # the child does the same, whoever comes first
                os.setpgid(pid, pid)
            self.children[pid] = _Child(number, status)
        for descriptor in others:
            os.close(descriptor)

    def _load(self, name: str) -> None:
        """Load the module of an operation, and what it warms up, for the children to come."""
        if name in self.modules:
            return
        self.modules.add(name)
        with suppress(Exception):  # which the child meets again, and tells
            module = importlib.import_module(name)
            if hasattr(module, "warm_up"):
                module.warm_up()
        gc.freeze()  # the children share the pages of what is there

    def _be_child(self, descriptors: list[int], mother: int) -> None:
        """Carry out the order in a process group of its own, with nothing of the mother's open."""
        status = FAULT_STATUS
        try:
            os.setpgid(0, 0)
            end_with_parent()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor, standard in zip(descriptors, range(3), strict=False):
                os.dup2(descriptor, standard)
            os.closerange(3, _MAX_OPEN_FILES)
            if os.getppid() == mother:
                status = carry_out_order()
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        """Tell the exit statuses of the children that have ended."""
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _tell(self.children.pop(pid).status, os.waitstatus_to_exitcode(status))

    def _kill_those_with_many_threads(self) -> None:
        for pid, child in self.children.items():
            if _count_threads(pid) > _MAX_THREADS:
                self.kill(child.number)


def _tell(descriptor: int, status: int) -> None:
    """Tell an exit status to whoever waits for the child, if anybody does yet."""
    with suppress(OSError):
        os.write(descriptor, b"%d" % status)
    os.close(descriptor)


def _count_threads(pid: int) -> int:
    """Return how many threads the process has; 0 when that can't be told."""
    with suppress(OSError, ValueError):
        told = Path(f"/proc/{pid}/status").read_bytes()
        return int(told.partition(b"\nThreads:")[2].split(maxsplit=1)[0])
    return 0


def main() -> None:
    """Run the mother until the other side ends; then end the children."""
    hide_memory()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_MAX_OPEN_FILES, most), most))
    ended, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with socket.socket(fileno=os.dup(0)) as channel:
        mother = Mother(channel)
        try:
            mother.serve(ended)
        finally:
            mother.kill()


if __name__ == "__main__":
    main()
