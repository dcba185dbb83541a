"""The committed files of a Volume.

Files are never changed in place here: each new content is a new file, put where it belongs with a
rename. So a snapshot can be made of hard links, which cost nothing for large files and keep what
they had, whatever is committed later.

As with Modal little is to be relied on: times of files lose what is less than a second, those of
folders are lost; and a symbolic link to a whole path leads nowhere, because a container's mounts
are its own.
"""

import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_SECOND_NS = 10**9
_ELSEWHERE = "/__modal/elsewhere"


@dataclass(frozen=True)
class Stamp:
    """What tells whether a file was changed; of a folder only its mode counts."""

    mode: int
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0  # another one if the file was replaced: clocks may be too coarse to show it
    target: str = ""  # of a symbolic link


Survey = dict[str, Stamp]  # by path within the Volume, a folder before what is in it


def survey(root: Path) -> Survey:
    """What is below `root`; what vanishes meanwhile is left out."""
    return dict(_walk(root, ""))


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Stamp]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        path = prefix + entry.name
        try:
            info = entry.stat(follow_symlinks=False)
            target = os.readlink(entry.path) if entry.is_symlink() else ""
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(info.st_mode):
            yield path, Stamp(info.st_mode)
            yield from _walk(folder / entry.name, f"{path}/")
        elif stat.S_ISREG(info.st_mode) or target:
            yield path, Stamp(info.st_mode, info.st_size, info.st_mtime_ns, info.st_ino, target)


class VolumeFiles:
    """The store of one Volume in `folder`; `content` is for reading only."""

    def __init__(self, folder: Path) -> None:
        self.content, self._incoming = folder / "content", folder / "incoming"
        self.content.mkdir(parents=True)
        self._incoming.mkdir()
        self._lock = threading.Lock()
        self._count = 0

    def inside(self, path: str) -> Path:
        """Where that path of the Volume is."""
        parts = PurePosixPath("/", path).parts[1:]
        return self.content.joinpath(*(part for part in parts if part != ".."))

    def snapshot(self, target: Path) -> Survey:
        """Make `target` a folder with the same files, and say what is in it."""
        with self._lock:
            target.mkdir(parents=True)
            found = survey(self.content)
            for path, stamp in found.items():
                source, copy = self.content / path, target / path
                if stat.S_ISDIR(stamp.mode):
                    copy.mkdir()
                    copy.chmod(stat.S_IMODE(stamp.mode))
                else:
                    os.link(source, copy, follow_symlinks=False)
            for path, stamp in found.items():
                if stat.S_ISDIR(stamp.mode):
                    os.utime(target / path, (0, 0))
            return found

    def merge(self, source: Path, before: Survey, now: Survey) -> Survey:
        """Take over from `source` what is not as it was `before`, file by file.

        Returns what was seen of it, which is `now` without files that were gone too soon.
        """
        with self._lock:
            for path in sorted(before.keys() - now.keys(), reverse=True):
                _drop(self.content / path)
            seen = dict(now)
            for path, stamp in now.items():
                if before.get(path) == stamp:
                    continue
                try:
                    self._take(source / path, path, stamp)
                except FileNotFoundError:
                    del seen[path]
            return seen

    def put(self, source: Path, path: str, mode: int) -> None:
        """Make the file `path` one with the content of `source`."""
        with self._lock:
            place = str(self.inside(path).relative_to(self.content))
            self._replace(source, place, mode, time.time_ns())

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it."""
        with self._lock:
            target = self.inside(path)
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink()

    def pin(self, path: str) -> Path:
        """A file that keeps the content which `path` has now."""
        with self._lock:
            pinned = self._next()
            os.link(self.inside(path), pinned)
            return pinned

    def _next(self) -> Path:
        self._count += 1
        return self._incoming / str(self._count)

    def _take(self, source: Path, path: str, stamp: Stamp) -> None:
        target = self.content / path
        if stat.S_ISDIR(stamp.mode):
            if target.is_symlink() or not target.is_dir():
                self._make_room(path)
                target.mkdir()
            target.chmod(stat.S_IMODE(stamp.mode))
        elif stamp.target:
            self._make_room(path)
            absolute = stamp.target.startswith("/")
            target.symlink_to(f"{_ELSEWHERE}{stamp.target}" if absolute else stamp.target)
        else:
            self._replace(source, path, stat.S_IMODE(stamp.mode), stamp.mtime_ns)

    def _replace(self, source: Path, path: str, mode: int, mtime_ns: int) -> None:
        part, target = self._next(), self.content / path
        shutil.copyfile(source, part)
        part.chmod(mode)
        os.utime(part, (mtime_ns // _SECOND_NS,) * 2)
        if target.is_dir() or target.is_symlink():
            self._make_room(path)
        else:
            self._make_folder(path)
        part.replace(target)

    def _make_folder(self, path: str) -> None:
        """The folder for `path` exists, even if something else was in the way."""
        folder = self.content
        for part in PurePosixPath(path).parts[:-1]:
            folder = folder / part
            if folder.is_symlink() or not folder.is_dir():
                folder.unlink(missing_ok=True)
                folder.mkdir()

    def _make_room(self, path: str) -> None:
        """The folder for `path` exists, and nothing is at `path`."""
        self._make_folder(path)
        target = self.content / path
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)


def _drop(target: Path) -> None:
    """Remove a file, or a folder that is empty by now; somebody else's files stay."""
    if target.is_dir() and not target.is_symlink():
        with suppress(OSError):
            target.rmdir()
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            target.unlink()
