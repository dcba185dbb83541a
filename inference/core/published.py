"""Where things lie in a bucket: a file that is given by its address, and what of a job is there.

Light, for whoever only reads of it; `inference.storage.publisher` does the work.
"""

import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from inference.core.errors import InputCode, InputError
from inference.core.task import PUBLISHED

SCHEME = "s3://"
_ADDRESS_PATTERN = re.compile(r"s3://([A-Za-z0-9._-]{3,255})/(.+)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class S3Address:
    """A file in a bucket."""

    bucket: str
    key: str

    @property
    def stem(self) -> str:
        """The file's name without its ending, as a Path has it."""
        return PurePosixPath(self.key).stem

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Publication:
    """What of a job lies in `bucket`, under `keys`, or is on its way there.

    `url` is the link to the video, which opens until `expires`. Where there is none, `refusal` says
    why; without that either, it is still being sent.
    """

    bucket: str
    keys: tuple[str, ...] = ()  # known before anything is sent, so that all of it can be deleted
    url: str | None = None
    expires: datetime | None = None
    refusal: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a link that opens now."""
        return self.expires is not None and self.expires > datetime.now(UTC)

    @property
    def is_pending(self) -> bool:
        return self.url is None and self.refusal is None


_PUBLISHED = TypeAdapter(Publication)


def parse_address(text: str) -> S3Address:
    """The file that `text` names. Raises InputError unless it is like s3://bucket/folder/file."""
    found = _ADDRESS_PATTERN.fullmatch(text)
    if found is None:
        message = f"{text} names no file in a bucket. Write it like s3://bucket/folder/file."
        raise InputError(InputCode.BAD_OPTION, message)
    return S3Address(*found.groups())


def read_publication(folder: Path) -> Publication | None:
    """What of the job in `folder` is in a bucket; None when nobody tried, or it can't be read."""
    try:
        return _PUBLISHED.validate_json((folder / PUBLISHED).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_publication(folder: Path, published: Publication) -> None:
    """Leave `published` in `folder`, whole. Raises OSError."""
    part = folder / f"{PUBLISHED}.part"
    part.write_bytes(_PUBLISHED.dump_json(published))
    os.replace(part, folder / PUBLISHED)


def write_pending_publication(folder: Path, bucket: str) -> None:
    """Leave word in `folder` that its job is about to be published. Raises OSError."""
    before = read_publication(folder) or Publication(bucket)
    if not before.is_open:
        write_publication(folder, replace(before, url=None, expires=None, refusal=None))


def read_change_time_ns(folder: Path) -> int:
    """When that word last changed, in nanoseconds; 0 before the first."""
    try:
        return (folder / PUBLISHED).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
