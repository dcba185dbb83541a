"""Hostile code in a decoder reaches nothing: these functions are it, in the child process."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from inference.core.confinement.confine import find_support
from inference.core.confinement.system_calls import WITH_CONDITIONS, list_numbers
from inference.core.settings import ROOT
from inference.media.ingest import PICTURE_OPERATION
from inference.media.sandbox.runner import DIRECT, Call
from tests.support.media import VOICE_A

needs_landlock = pytest.mark.skipif(not find_support().landlock, reason="no Landlock here")
needs_seccomp = pytest.mark.skipif(not find_support().seccomp, reason="no seccomp here")

# None does anything with the arguments given, should it be allowed.
_FORBIDDEN_ON_X86_64 = {
    "execve": 59,
    "execveat": 322,
    "clone3": 435,
    "ptrace": 101,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "process_madvise": 440,
    "pidfd_open": 434,
    "pidfd_send_signal": 424,
    "pidfd_getfd": 438,
    "tkill": 200,
    "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297,
    "setpriority": 141,
    "ioprio_set": 251,
    "sched_setaffinity": 203,
    "setrlimit": 160,
    "setitimer": 38,
    "socket": 41,
    "socketpair": 53,
    "io_uring_setup": 425,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "memfd_create": 319,
    "keyctl": 250,
    "add_key": 248,
    "shmget": 29,
    "msgget": 68,
    "mq_open": 240,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "move_mount": 429,
    "chroot": 161,
    "pivot_root": 155,
    "init_module": 175,
    "finit_module": 313,
    "kexec_load": 246,
    "mknod": 133,
    "open_by_handle_at": 304,
    "setuid": 105,
    "capset": 126,
    "seccomp": 317,
    "syslog": 103,
    "reboot": 169,
    "chmod": 90,
    "chown": 92,
    "utimensat": 280,
    "setxattr": 188,
    "truncate": 76,
    "fallocate": 285,
    "unlink": 87,
    "rename": 82,
    "link": 86,
    "symlink": 88,
}


@dataclass(frozen=True)
class _Reached:
    names: list[str]


def _list_reached(attempts: dict[str, Callable[[], object]]) -> _Reached:
    """Return the names of the attempts that were not refused."""
    reached = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except OSError as error:
            refused = error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EXDEV)
            if not refused:
                reached.append(f"{name}: {error}")
        else:
            reached.append(name)
    return _Reached(reached)


def _reach_for_files(source: Path, target: Path, server: int) -> _Reached:
    data, code = target.parent.parent, ROOT / "inference"
    key, theirs = data / "page.key", data / "jobs" / "theirs" / "result.mp4"
    attempts: dict[str, Callable[[], object]] = {
        f"read {path}": partial(path.open, "rb")
        for path in (
            key,
            theirs,
            Path("/etc/passwd"),
            ROOT / "Makefile",
            Path("/proc/self/environ"),
            *(
                Path(f"/proc/{pid}/{name}")
                for pid in (server, os.getppid())  # the latter forked this process
                for name in ("environ", "mem", "maps", "fd/0")
            ),
        )
    }
    attempts |= {
        f"write {path}": partial(path.open, "ab")
        for path in (
            source,
            theirs,
            target.with_name("new"),
            data / "new",
            Path("/tmp/portrait-reached"),
            code / "__init__.py",
            code / "__pycache__" / "reached.pyc",
            Path(f"/proc/{server}/oom_score_adj"),
        )
    }
    attempts |= {
        f"list {path}": partial(os.listdir, path) for path in (data, target.parent, "/proc", "/tmp")
    }
    attempts |= {
        "delete": partial(os.unlink, theirs),
        "rename": partial(os.rename, theirs, target),
        "move the target away": partial(os.rename, target, data / "moved"),
        "link": partial(os.link, theirs, target.with_name("linked")),
        "symlink": partial(os.symlink, key, target.with_name("linked")),
        "make a folder": partial(os.mkdir, target.with_name("folder")),
        "make a pipe": partial(os.mkfifo, target.with_name("pipe")),
        "truncate": partial(os.truncate, theirs, 0),
        "permissions": partial(os.chmod, key, 0o666),
        "times": partial(os.utime, key),
    }
    target.write_bytes(b"own")  # the one file that it may write
    assert target.read_bytes() == b"own" and source.read_bytes()
    return _list_reached(attempts)


def _reach_for_the_system(source: Path, target: Path, server: int) -> _Reached:
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: int) -> None:
        whole = [ctypes.c_long(each) for each in (*arguments, 0, 0, 0, 0)[:6]]
        if libc.syscall(ctypes.c_long(number), *whole) < 0:
            raise OSError(ctypes.get_errno(), "")

    attempts: dict[str, Callable[[], object]] = {
        name: partial(call, number, 0, 0, 0)
        for name, number in _FORBIDDEN_ON_X86_64.items()
        if os.uname().machine == "x86_64"
    }
    numbers = list_numbers(os.uname().machine, WITH_CONDITIONS)
    attempts |= {
        f"socket of family {family}": partial(socket.socket, family, kind)
        for family in range(1, 46)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW)
    }
    attempts |= {
        "start a program": partial(os.posix_spawn, "/bin/true", ["true"], {}),
        "fork": lambda: os.fork() or os._exit(0),
        "signal the server": partial(os.kill, server, 0),
        "signal the mother": partial(os.kill, os.getppid(), 0),
        "signal its group": partial(os.killpg, os.getpgid(server), 0),
        "signal everyone": partial(os.kill, -1, 0),
        "signal one of its threads": partial(call, numbers["tgkill"], server, server, 0),
        "limit the server": partial(
            call, numbers["prlimit64"], server, resource.RLIMIT_CORE, id(attempts)
        ),
        "own a pipe for it": partial(fcntl.fcntl, 1, fcntl.F_SETOWN, server),
        "choose a signal": partial(fcntl.fcntl, 1, 10, signal.SIGKILL),
        "type into a terminal": partial(fcntl.ioctl, 0, 0x5412, b"x"),
        "take space beyond the limit": lambda: os.posix_fallocate(1, 0, 2**32),
        "be dumpable": partial(call, numbers["prctl"], 4, 1),
    }
    reached = _list_reached(attempts)
    for descriptor in range(3, 64):  # such as the mother's way to the server
        with suppress(OSError):
            os.fstat(descriptor)
            reached.names.append(f"descriptor {descriptor}")
    return reached


@dataclass(frozen=True)
class _Self:
    environment: list[str]
    capabilities: tuple[int, ...]  # effective, permitted, inheritable
    limits: list[tuple[int, int]]


def _tell_of_itself(source: Path, target: Path) -> _Self:
    header, sets = struct.pack("=Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    ctypes.CDLL(None).capget(header, sets)
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
    limits = [resource.getrlimit(kind) for kind in kinds]
    return _Self(sorted(os.environ), struct.unpack("=6I", sets.raw), limits)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file to write in a data folder that holds other people's."""
    for folder in ("jobs/theirs", "uploads"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("page.key", "jobs/theirs/result.mp4"):
        (tmp_path / name).write_bytes(b"secret")
    return tmp_path / "uploads" / "clean.png"


def _run(name: str, target: Path, *numbers: int) -> dict[str, Any]:
    operation = replace(PICTURE_OPERATION, entry=f"tests.media.test_confinement:{name}")
    (answer,) = DIRECT.run(Call(operation, VOICE_A, target, numbers))
    return answer


@needs_landlock
def test_no_file_but_its_own_is_reached(target: Path) -> None:
    assert _run("_reach_for_files", target, os.getpid()) == {"names": []}
    assert target.read_bytes() == b"own"
    assert (target.parent.parent / "jobs/theirs/result.mp4").read_bytes() == b"secret"


@needs_seccomp
def test_no_socket_no_program_and_no_other_process_is_reached(target: Path) -> None:
    assert _run("_reach_for_the_system", target, os.getpid()) == {"names": []}


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no capabilities")
def test_it_has_no_secrets_no_privileges_and_limits_that_it_can_not_raise(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_TEST", "1")
    told = _run("_tell_of_itself", target)
    assert not {"SECRET_OF_THE_TEST", "HOME"} & set(told["environment"])
    effective, permitted, *rest = told["capabilities"]
    assert (effective | permitted) & ~0b110 == 0 and not any(rest)
    assert all(0 < soft == hard for soft, hard in told["limits"])
