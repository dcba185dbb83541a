"""Filter for system calls: of the few hundred, those that computing on open files needs.

The others fail with EPERM: sockets, other programs and processes, their memory, mounts, settings of
files. A program for another set of calls, whose numbers mean others, is killed.
"""

import ctypes
import errno
import os
import struct
import sys

from inference.core.confinement.system_calls import (
    ARCHITECTURES,
    FIRST_OPTIONAL,
    IN_FOLDERS,
    ORDINARY,
    SECCOMP,
    WITH_CONDITIONS,
    X32,
    list_numbers,
)

_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _FAIL_WITH, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06  # instructions of classic BPF, on words of 32 bits
_JUMP_EQUAL, _JUMP_AT_LEAST = 0x15, 0x35
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data, little-endian

# Of open's flags, each way to read or write, and O_TRUNC with writing only: Landlock took cutting a
# file short for reading before its version 3. Not the mode 3, for which it asks nothing.
_READ, _WRITE, _READ_AND_WRITE, _TRUNCATE = 0, 1, 2, 0o1000
_OPEN_MASK = 3 | _TRUNCATE
_OPEN_FLAGS = (_READ, _WRITE, _READ_AND_WRITE, _WRITE | _TRUNCATE, _READ_AND_WRITE | _TRUNCATE)
_CLONE_THREAD, _CLONE_NEW_NAMESPACES = 0x00010000, 0x7E020000
# Duplicates, flags and locks: F_SETOWN and F_SETSIG would send signals to any process.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
_IOCTL_COMMANDS = (0x5401, 0x5450, 0x5451)  # TCGETS, FIONCLEX, FIOCLEX: none that types into one
_PRCTL_COMMANDS = (15, 16, 0x53564D41)  # names of threads and of memory

_Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand
_Condition = tuple[int, int, tuple[int, ...]]  # offset of a word, mask, values that are allowed


def can_filter() -> bool:
    """Return whether this system can filter calls of this process, without doing so."""
    machine = _find_machine()
    if machine is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    # without a program: EFAULT tells that it would be read
    libc.syscall(SECCOMP[machine], _SET_MODE_FILTER, 0, None)
    return ctypes.get_errno() == errno.EFAULT


def filter_calls(changes_folders: bool) -> bool:
    """Filter this process's system calls from now on; return whether the system can.

    `changes_folders`: it creates, renames and deletes files. Needs PR_SET_NO_NEW_PRIVS.
    """
    machine = _find_machine()
    if machine is None:
        return False
    program = _build_program(machine, changes_folders, os.getpid())
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.syscall(SECCOMP[machine], _SET_MODE_FILTER, _ALL_THREADS, described)
    return bool(done == 0)


def _find_machine() -> str | None:
    """Return the name of this machine's set of calls; None when there is no table for it."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    machine = os.uname().machine
    return machine if machine in ARCHITECTURES else None


def _build_program(machine: str, changes_folders: bool, pid: int) -> list[_Instruction]:
    allowed = list_numbers(machine, ORDINARY | (IN_FOLDERS if changes_folders else {}))
    conditional = list_numbers(machine, WITH_CONDITIONS)
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_AT_LEAST, 0, 1, X32),
        (_RETURN, 0, 0, _KILL_PROCESS),
    ]
    for number in allowed.values():
        program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    every = _list_conditions(pid)
    for name, number in conditional.items():
        checks = [step for condition in every[name] for step in _build_check(*condition)]
        checks.append((_RETURN, 0, 0, _ALLOW))
        program += [(_JUMP_EQUAL, 0, len(checks), number), *checks]
    return [
        *program,
        (_JUMP_AT_LEAST, 0, 1, FIRST_OPTIONAL),
        (_RETURN, 0, 0, _FAIL_WITH | errno.ENOSYS),
        (_RETURN, 0, 0, _FAIL_WITH | errno.EPERM),
    ]


def _list_conditions(pid: int) -> dict[str, list[_Condition]]:
    """Return what the arguments of the conditional calls must be."""
    whole = 0xFFFFFFFF
    return {
        "open": [(_argument(1), _OPEN_MASK, _OPEN_FLAGS)],
        "openat": [(_argument(2), _OPEN_MASK, _OPEN_FLAGS)],
        "kill": [(_argument(0), whole, (pid,))],
        "tgkill": [(_argument(0), whole, (pid,))],
        "fcntl": [(_argument(1), whole, _FCNTL_COMMANDS)],
        "ioctl": [(_argument(1), whole, _IOCTL_COMMANDS)],
        "prctl": [(_argument(0), whole, _PRCTL_COMMANDS)],
        # reads limits, as long as the pointer to new ones is null
        "prlimit64": [(_argument(2), whole, (0,)), (_argument(2) + 4, whole, (0,))],
        # threads; no processes, no namespaces
        "clone": [(_argument(0), _CLONE_THREAD | _CLONE_NEW_NAMESPACES, (_CLONE_THREAD,))],
    }


def _argument(index: int) -> int:
    """Return the offset of the lower word of an argument."""
    return _ARGUMENTS_AT + 8 * index


def _build_check(offset: int, mask: int, values: tuple[int, ...]) -> list[_Instruction]:
    """Return instructions that go on behind them when the word has one of the values."""
    count = len(values)
    return [
        (_LOAD, 0, 0, offset),
        (_AND, 0, 0, mask),
        *((_JUMP_EQUAL, count - at, 0, value) for at, value in enumerate(values)),
        (_RETURN, 0, 0, _FAIL_WITH | errno.EPERM),
    ]
