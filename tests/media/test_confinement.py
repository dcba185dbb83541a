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

from inference.core.confinement import seccomp
from inference.core.confinement.confine import find_support
from inference.core.confinement.system_calls import (
    ARCHITECTURES,
    IN_FOLDERS,
    ORDINARY,
    WITH_CONDITIONS,
    list_numbers,
)
from inference.core.settings import ROOT
from inference.media.ingest import PICTURE_OPERATION
from inference.media.sandbox.runner import DIRECT, Call
from tests.support.media import VOICE_A

needs_landlock = pytest.mark.skipif(not find_support().landlock, reason="no Landlock here")
needs_seccomp = pytest.mark.skipif(not find_support().seccomp, reason="no seccomp here")

# x86-64's numbers. None does anything with the arguments given, should it be allowed.
_FORBIDDEN_CALLS = {
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
        name: partial(call, number, 0, 0, 0) for name, number in _FORBIDDEN_CALLS.items()
    }
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
        "signal one of its threads": partial(call, 234, server, server, 0),
        "limit the server": partial(call, 302, server, resource.RLIMIT_CORE, id(attempts)),
        "own a pipe for it": partial(fcntl.fcntl, 1, fcntl.F_SETOWN, server),
        "choose a signal": partial(fcntl.fcntl, 1, 10, signal.SIGKILL),
        "type into a terminal": partial(fcntl.ioctl, 0, 0x5412, b"x"),
        "be dumpable": partial(call, 157, 4, 1),
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
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other numbers of system calls")
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


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_filter_knows_both_machines(machine: str) -> None:
    """Its program is run here by hand: the other machine's can't be tried."""
    own, x32 = ARCHITECTURES[machine], 0x40000000
    names = list_numbers(machine, ORDINARY | WITH_CONDITIONS | IN_FOLDERS)
    decide = partial(_interpret, seccomp._build_program(machine, False, pid=42), own)
    for name in list_numbers(machine, ORDINARY):
        assert decide(names[name]) == "allow"
    for name in list_numbers(machine, IN_FOLDERS):
        assert decide(names[name]) == errno.EPERM
    assert [decide(names["kill"], pid) for pid in (42, 0, 1, 2**32 - 1)] == [
        "allow",
        *[errno.EPERM] * 3,
    ]
    threads, process, namespace = 0x3D0F00, 0x1200011, 0x3D0F00 | 0x20000
    flags = (threads, process, namespace)
    assert [decide(names["clone"], each) for each in flags] == ["allow", errno.EPERM, errno.EPERM]
    assert decide(names["prlimit64"], 0, 7, 0) == "allow"
    assert (
        decide(names["prlimit64"], 0, 7, 2**32)
        == decide(names["prlimit64"], 0, 7, 8)
        == errno.EPERM
    )
    assert decide({"x86_64": 41, "aarch64": 198}[machine]) == errno.EPERM  # socket
    assert decide(435) == decide(425) == errno.ENOSYS  # clone3, and io_uring_setup
    assert decide(x32 + names["read"]) == "kill"
    assert _interpret(seccomp._build_program(machine, False, 42), 0x40000003, 3) == "kill"


def _interpret(
    program: list[tuple[int, int, int, int]], architecture: int, number: int, *arguments: int
) -> str | int:
    """Return what the program decides on a call: an error number, "allow" or "kill"."""
    words = [number, architecture, 0, 0]
    for each in (*arguments, *[0] * (6 - len(arguments))):
        words += [each % 2**32, each // 2**32]
    at = value = 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        if code == 0x20:
            value = words[operand // 4]
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            known = {0x7FFF0000: "allow", 0x80000000: "kill"}
            return known.get(operand, operand & 0xFFFF)
        else:
            at += yes if (value == operand if code == 0x15 else value >= operand) else no
