"""Landlock: a process that gives up all files but those it names, for good.

Each version of the kernel's interface restricts more; see its documents on Landlock. Older kernels
get what they know.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from inference.core.confinement.system_calls import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
)

_ASK_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_TRUNCATE = 1 << 14
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 5: 16}  # from that version on, so many on files
_FROM_TCP, _FROM_SCOPES = 4, 6  # versions
_TCP = 0b11  # to bind and to connect
_SCOPES = 0b11  # abstract Unix sockets and signals to processes outside

_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE  # what a rule on a file itself may name
READ = _READ_FILE | _READ_DIR
CHANGE = READ | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG


def find_version() -> int:
    """Return the version of the kernel's interface; 0: there is no Landlock here."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    return max(0, int(found))


def restrict_files(rules: Iterable[tuple[Path, int]]) -> bool:
    """Give up all files but those named, with the rights given; return whether the system can.

    What is missing is left out. Also gives up, where the kernel can, TCP, signals to other
    processes and abstract sockets. Only the calling thread and those it starts are restricted.
    Needs PR_SET_NO_NEW_PRIVS.
    """
    version = find_version()
    if not version:
        return False
    rights = (1 << max(n for first, n in _RIGHTS_BY_VERSION.items() if first <= version)) - 1
    fields = [rights]
    if version >= _FROM_TCP:
        fields.append(_TCP)
    if version >= _FROM_SCOPES:
        fields.append(_SCOPES)
    libc = ctypes.CDLL(None, use_errno=True)
    about = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, about, ctypes.c_size_t(len(about)), 0)
    if ruleset < 0:
        return False
    try:
        for path, allowed in rules:
            _add_rule(libc, ruleset, path, allowed & rights)
        return bool(libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _add_rule(libc: ctypes.CDLL, ruleset: int, path: Path, allowed: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            allowed &= _OF_FILES
        rule = struct.pack("=Qi", allowed, descriptor)
        libc.syscall(LANDLOCK_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
