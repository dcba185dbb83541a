"""Checks of the mounted Volumes: their files, and the file system features that they support.

The tests write to a temporary folder. The product needs none of these features; each finding
names the alternative that it uses.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inference.cloud.mounted_volume import MountedVolume, commit
from inference.diagnostics.check import Check
from inference.diagnostics.gpu import first_line
from inference.multitalk.runtime.placement import round_down_gb, round_up_gb

_RATE_BYTES = 2_000_000_000  # maximum, for each number of threads
_THREADS = 4
_CHUNK_BYTES = 16 * 1024 * 1024
_LEAN_SET_GB = 52
_OLD_NS = 3 * 24 * 60 * 60 * 10**9 + 123_456_789
_SOON_S = 60.0
_FOLDER, _FILE, _RELATIVE, _ABSOLUTE = "folder", "file", "relative", "absolute"


def check_file_system(own: Path, shared: MountedVolume) -> list[Check]:
    """Test the file system of the Volume `shared` in the new folder `own` on it."""
    shutil.rmtree(own, ignore_errors=True)  # left by an interrupted test
    own.mkdir(parents=True)
    try:
        file, folder = own / _FILE, own / _FOLDER
        folder.mkdir()
        file.write_bytes(b"x")
        (own / _RELATIVE).symlink_to(_FILE)
        (own / _ABSOLUTE).symlink_to(file)
        written_ns = time.time_ns() // 10**9 * 10**9 - _OLD_NS
        os.utime(file, ns=(written_ns, written_ns))
        commits = _check_commits(file, shared)
        shared.reload()
        checks = [
            _check_times(folder, file, written_ns),
            _check_symlinks(own),
            _check_hard_links(file),
            _check_locks(file),
        ]
        checks.append(commits)
    finally:
        shutil.rmtree(own, ignore_errors=True)
        commit(shared)
    return checks


def _check_times(folder: Path, file: Path, written_ns: int) -> Check:
    at_s, file_ns = folder.stat().st_mtime, file.stat().st_mtime_ns
    of_folder = "right" if abs(time.time() - at_s) < _SOON_S else f"not right ({at_s:.0f})"
    of_file = "not kept"
    if file_ns == written_ns:
        of_file = "kept to the nanosecond"
    elif file_ns // 10**9 == written_ns // 10**9:
        of_file = "kept to the second"
    found = f"a new folder's is {of_folder}, a file's is {of_file}, after a commit. "
    found += "Old folders are known by a time written in them, files by whole seconds"
    return Check("times", True, found, needed=False)


def _check_symlinks(own: Path) -> Check:
    wanted = {_RELATIVE: _FILE, _ABSOLUTE: str(own / _FILE)}
    states = [f"{name} ones are {_describe_link(own / name, to)}" for name, to in wanted.items()]
    found = f"{', '.join(states)}, in this container. Only relative ones are made"
    return Check("symlinks", True, found, needed=False)


def _describe_link(link: Path, target: str) -> str:
    if not link.is_symlink():
        return "not kept"
    actual = os.readlink(link)
    state = "kept" if actual == target else f"changed to {actual}"
    return state if link.exists() else f"{state}, and lead nowhere"


def _check_hard_links(file: Path) -> Check:
    try:
        os.link(file, file.with_name("again"))
    except OSError as error:
        found = f"refused ({error.strerror}). Files are copied, or linked by symlinks"
    else:
        found = "allowed. They are used where weights are laid out"
    return Check("hard links", True, found, needed=False)


def _check_locks(file: Path) -> Check:
    with file.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            here = f"refused here ({error.strerror})"
        else:
            here = "taken here"
    found = f"{here}; across containers not tried, which takes two. Nothing relies on them there"
    return Check("locks", True, found, needed=False)


def _check_commits(file: Path, shared: MountedVolume) -> Check:
    with file.open("rb"):
        try:
            shared.commit()
        except RuntimeError as error:
            made = f"not made, or not to the end, while a file is open ({first_line(str(error))})"
        else:
            made = "made while a file is open"
    commit(shared)
    found = (
        f"{made}. Before a result is deleted elsewhere it is looked for among what was committed"
    )
    return Check("commits", True, found, needed=False)


def check_free_space(volumes: Mapping[str, Path]) -> Check:
    """Return the free space of each, as reported by the system."""
    descriptions = []
    for name, folder in volumes.items():
        usage = shutil.disk_usage(folder)
        descriptions.append(
            f"{name} {round_down_gb(usage.free)} of {round_down_gb(usage.total)} GB"
        )
    found = (
        f"{', '.join(descriptions)}, as statfs has it: on Modal a placeholder, which nobody asks"
    )
    return Check("free space", True, found, needed=False)


def check_read_rate(folder: Path, max_bytes: int = _RATE_BYTES) -> Check:
    """Measure how fast the largest file in `folder` is read, by one thread and by several."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    largest = max(files, key=lambda path: path.stat().st_size, default=None)
    part = min(max_bytes, largest.stat().st_size // 2) if largest else 0
    if largest is None or not part:
        found = "no weights are there yet. Download them, and look again"
        return Check("read rate", True, found, needed=False)
    one = _measure_gb_per_s(largest, 0, part, 1)
    several = _measure_gb_per_s(largest, part, part, _THREADS)
    found = f"{one:.2f} GB/s by one thread, {several:.2f} by {_THREADS}: a lean set of "
    found += f"{_LEAN_SET_GB} GB is read in about {_LEAN_SET_GB / max(one, several):.0f} s"
    return Check("read rate", True, found, needed=False)


def _measure_gb_per_s(file: Path, start: int, length: int, threads: int) -> float:
    """Measure the rate of reading `length` bytes from `start`, shared among the threads."""
    began = time.monotonic()
    share = -(-length // threads)
    with file.open("rb") as opened, ThreadPoolExecutor(threads) as pool:
        ends = [(at, min(at + share, start + length)) for at in range(start, start + length, share)]
        [*pool.map(lambda span: _read(opened.fileno(), *span), ends)]
    return length / 1e9 / max(time.monotonic() - began, 1e-9)


def _read(file: int, start: int, end: int) -> None:
    while start < end:
        count = len(os.pread(file, min(_CHUNK_BYTES, end - start), start))
        if not count:
            return
        start += count


def count_files(folder: Path) -> tuple[int, int]:
    """Count the files in `folder` and their bytes; a file with several names counts its bytes once.

    Links are not followed; unreadable and disappearing files are left out.
    """
    files, sizes = 0, dict[tuple[int, int], int]()
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(place, name))
            except OSError:
                continue
            files += 1
            if stat.S_ISREG(found.st_mode):
                sizes[found.st_dev, found.st_ino] = found.st_size
    return files, sum(sizes.values())


def check_volume(name: str, folder: Path, sets: str | None) -> Check:
    """Check that a Volume is mounted and writable; with complete `sets` of weights it may be
    read-only."""
    if not folder.is_dir():
        found = f"{folder} is not there. Deploy again, so that the volume is mounted."
        return Check(name, False, found)
    files, size = count_files(folder)
    refusal = _find_write_error(folder)
    ok, found = not refusal, f"{folder}, {files} files, {round_up_gb(size)} GB"
    if sets is not None:
        found += f", complete sets: {sets}"
        ok = True
    if not refusal:
        found += ", writable"
    elif ok:
        found += f", read-only ({refusal})"
    else:
        found += f". It can't be written to ({refusal}). Make room there, or mount it writable."
    return Check(name, ok, found)


def _find_write_error(folder: Path) -> str:
    """Return the system's message if no file can be written there, else ""."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # deleted when closed
            file.write(b"x")
            file.flush()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
