"""Confinement of this process: what it may still reach, and what this system lacks for it.

Nothing here can be undone. A part that the system lacks is left out.
"""

import ctypes
import logging
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.core.confinement import landlock, seccomp
from inference.core.errors import Fault, FaultCode
from inference.core.settings import ROOT

logger = logging.getLogger(__name__)

_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_NO_NEW_PRIVILEGES = 1, 4, 38  # of prctl
_CAPABILITIES_VERSION = 0x20080522  # the third, with two words for each set
# of root, whose files may be another user's: opening them, within the files that are allowed
_KEPT_CAPABILITIES = 1 << 1 | 1 << 2
# Libraries that are loaded late, and what they ask about the machine.
_SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
)
_CODE = ("presets", "weights", "inference")
_PACKAGES = ("stdlib", "platstdlib", "purelib", "platlib")


@dataclass(frozen=True)
class Reach:
    """Files that a process may reach besides the installation; a folder stands for all in it."""

    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()  # and readable
    changes_folders: bool = False  # it creates, renames and deletes files in those folders


@dataclass(frozen=True)
class Support:
    """Parts of the confinement that this system has."""

    landlock: int  # version of its interface; 0: none
    seccomp: bool

    @property
    def is_whole(self) -> bool:
        return self.landlock > 0 and self.seccomp

    @property
    def sentence(self) -> str:
        """What there is, and what code in a broken decoder could do for want of the rest."""
        there = [f"Landlock {self.landlock}"] * bool(self.landlock) + ["seccomp"] * self.seccomp
        lacks = []
        if not self.landlock:
            lacks.append("no Landlock: a broken decoder could read and change this user's files")
        if not self.seccomp:
            lacks.append("no seccomp: a broken decoder could open connections and start programs")
        return "; ".join([", ".join(there), *lacks] if there else lacks)


def find_support() -> Support:
    """Return the parts of the confinement that this system has."""
    return Support(landlock.find_version(), seccomp.can_filter())


def can_confine() -> bool:
    """Return whether this system has any part of the confinement."""
    support = find_support()
    return support.landlock > 0 or support.seccomp


def warn_if_open() -> None:
    """Log what is missing here, if anything is."""
    support = find_support()
    if not support.is_whole:
        logger.warning("files are decoded with less protection here: %s", support.sentence)


def hide_memory() -> None:
    """Close this process's memory and environment to others of the same user, where Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def end_with_parent() -> None:
    """Have this process killed when the thread that started it ends, where Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def limit_resources(limits: Mapping[int, tuple[int, int]]) -> None:
    """Limit what this process may use, soft and hard, by the numbers of `resource`.

    It can't raise a limit again; one that is lower already stays.
    """
    for kind, wanted in limits.items():
        _, most = resource.getrlimit(kind)
        soft, hard = (
            min(each, most) if most != resource.RLIM_INFINITY else each for each in wanted
        )
        resource.setrlimit(kind, (soft, hard))


def confine(reach: Reach) -> None:
    """Confine this process, which must have one thread yet, to computing on what `reach` names.

    No further programs, no sockets, no other processes; of the files the installation's and those.
    Raises Fault when a part that this system has can't be used after all.
    """
    if sys.platform != "linux":
        return
    hide_memory()
    support = find_support()
    done = ctypes.CDLL(None).prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _require(done == 0, "no_new_privs")
    rules = [(path, landlock.READ) for path in (*_list_installation(), *reach.readable)]
    rules += [(path, landlock.CHANGE) for path in reach.writable]
    is_restricted = landlock.restrict_files(rules)
    _require(is_restricted or not support.landlock, "Landlock")
    _require(_drop_capabilities(_KEPT_CAPABILITIES if is_restricted else 0), "capabilities")
    is_filtered = seccomp.filter_calls(reach.changes_folders)
    _require(is_filtered or not support.seccomp, "seccomp")


def _require(is_done: bool, part: str) -> None:
    """Raise Fault unless the part is done: the file is not opened then."""
    if not is_done:
        message = "Something broke on our side. Try again."
        raise Fault(FaultCode.INTERNAL, message, f"this process could not be confined: {part}")


def _list_installation() -> Iterable[Path]:
    """Return the folders of code: never the project's own one, in which the data folder may lie."""
    yield from map(Path, _SYSTEM)
    yield from (ROOT / name for name in _CODE)
    yield from {Path(sysconfig.get_path(name)) for name in _PACKAGES}
    yield from (Path(entry) for entry in sys.path if entry.endswith("-packages"))


def _drop_capabilities(kept: int) -> bool:
    """Give up root's privileges, such as ignoring limits, but those in `kept`. False: it failed."""
    libc = ctypes.CDLL(None)
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    sets = ctypes.create_string_buffer(24)  # effective, permitted, inheritable: lower, then upper
    if libc.capget(header, sets) != 0:
        return False
    effective, permitted = struct.unpack_from("=2I", sets.raw)
    left = struct.pack("=6I", effective & kept, permitted & kept, 0, 0, 0, 0)
    return bool(libc.capset(header, left) == 0)
