"""Whether a file is what it should be."""

import hashlib
from pathlib import Path

_SHA1_LENGTH = 40  # hexadecimal digits


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
