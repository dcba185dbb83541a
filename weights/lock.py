"""What was found at the first download, written down, and held to ever after.

The file is JSON: for each weight file by its repository and name, the commit it came from, its size
and SHA-256, and the time stamp that tells that it was not touched since it was hashed. Of that only
whole seconds count: a Volume of Modal need not keep more.
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
    """What tells that a file is as it was: its bytes, and the second it was written in."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns // _SECOND_NS


@dataclass(frozen=True)
class LockEntry:
    """A file that was fetched and checked: from `commit` of the pinned `revision`."""

    revision: str
    commit: str
    size_bytes: int
    sha256: str
    mtime_ns: int


class LockFile:
    """The lock file at `path`; may be used by several threads. Raises WeightsError if it is not
    readable."""

    def __init__(self, path: Path) -> None:
        self._path, self._writing = path, threading.Lock()
        try:
            known = json.loads(path.read_text()) if path.exists() else {}
            self._entries = {key: LockEntry(**entry) for key, entry in known.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            message = f"{path} is damaged. Delete it; the files are then checked anew."
            raise WeightsError(message) from error

    def get(self, file: HubFile) -> LockEntry | None:
        """What is known of the file; None when it is not, or of another revision."""
        entry = self._entries.get(file.key)
        return entry if entry and entry.revision == file.repo.revision else None

    def state(self, file: HubFile, path: Path) -> str:
        """What is there of a file at `path`: missing, unchecked, changed or checked."""
        entry = self.get(file)
        if not path.is_file():
            return "missing"
        if entry is None:
            return "unchecked"
        recorded = (entry.size_bytes, entry.mtime_ns // _SECOND_NS)
        return "checked" if read_size_and_time(path) == recorded else "changed"

    def resolve_revision(self, file: HubFile) -> str:
        """The revision to fetch: the commit that other files of the repository came from, so that
        a name that moves on does not mix two of them."""
        prefix = f"{file.repo.name}/"
        for key, entry in self._entries.items():
            if key.startswith(prefix) and entry.revision == file.repo.revision:
                return entry.commit
        return file.repo.revision

    def invalidate(self, file: HubFile) -> None:
        """Have the file hashed again before it is used."""
        entry = self.get(file)
        if entry is not None:
            self.record(file, replace(entry, mtime_ns=-1))  # before all times

    def record(self, file: HubFile, entry: LockEntry) -> None:
        """Write it down, at once and whole."""
        with self._writing:
            self._entries[file.key] = entry
            ordered = {key: asdict(self._entries[key]) for key in sorted(self._entries)}
            write_json(self._path, ordered)


def compute_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def matches_etag(path: Path, sha256: str, etag: str) -> bool:
    """Whether the file, of that SHA-256, is what the hub calls `etag`.

    That is the SHA-256 of a large file, and git's SHA-1 of a small one.
    """
    if len(etag) == _SHA1_LENGTH:
        data = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == etag
    return sha256 == etag
