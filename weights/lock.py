"""Lock file: commit, size and hash of each weight file, recorded at its first download.

The file is JSON. Later downloads must match it. The modification time shows whether a file was
touched since it was hashed; only whole seconds count, because a Modal Volume need not keep more.
"""

import hashlib
import json
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from weights.disk import write_json
from weights.errors import WeightsError
from weights.manifest import HubFile

_SECOND_NS = 10**9
_SHA1_LENGTH = 40  # hexadecimal digits


def read_size_and_time(path: Path) -> tuple[int, int]:
    """Return a file's size in bytes and the second it was modified in, to detect changes."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns // _SECOND_NS


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def matches_etag(path: Path, sha256: str, etag: str) -> bool:
    """Return whether the file, whose SHA-256 is given, has the hub's `etag`.

    The etag is the SHA-256 of a large file, and git's SHA-1 of a small one.
    """
    if len(etag) == _SHA1_LENGTH:
        data = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == etag
    return sha256 == etag


@dataclass(frozen=True)
class LockEntry:
    """Record of a file that was fetched from `commit` of the pinned `revision`, and checked."""

    revision: str
    commit: str
    size_bytes: int
    sha256: str
    mtime_ns: int


class LockFile:
    """Lock file at `path`, safe to use from several threads.

    Raises WeightsError if it is not readable.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        try:
            stored = json.loads(path.read_text()) if path.exists() else {}
            self._entries = {key: LockEntry(**entry) for key, entry in stored.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            message = f"{path} is damaged. Delete it; the files are then checked anew."
            raise WeightsError(message) from error

    def get(self, file: HubFile) -> LockEntry | None:
        """Return the file's entry; None if there is none of the pinned revision."""
        entry = self._entries.get(file.key)
        return entry if entry and entry.revision == file.repo.revision else None

    def state(self, file: HubFile, path: Path) -> str:
        """Return the state of the file at `path`: missing, unchecked, changed or checked."""
        entry = self.get(file)
        if not path.is_file():
            return "missing"
        if entry is None:
            return "unchecked"
        recorded = (entry.size_bytes, entry.mtime_ns // _SECOND_NS)
        return "checked" if read_size_and_time(path) == recorded else "changed"

    def resolve_revision(self, file: HubFile) -> str:
        """Return the revision to fetch: the commit of the repository's recorded files, if any.

        A branch may move between two downloads; files of two commits are never mixed.
        """
        prefix = f"{file.repo.name}/"
        for key, entry in self._entries.items():
            if key.startswith(prefix) and entry.revision == file.repo.revision:
                return entry.commit
        return file.repo.revision

    def invalidate(self, file: HubFile) -> None:
        """Make the file count as changed, so that it is hashed before it is used."""
        entry = self.get(file)
        if entry is not None:
            self.record(file, replace(entry, mtime_ns=-1))  # no file has it

    def record(self, file: HubFile, entry: LockEntry) -> None:
        """Add or replace the file's entry, and write the lock file."""
        with self._lock:
            self._entries[file.key] = entry
            ordered = {key: asdict(self._entries[key]) for key in sorted(self._entries)}
            write_json(self._path, ordered)
