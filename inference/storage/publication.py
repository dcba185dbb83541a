"""Locations in a bucket: addresses of input files, and the published files of a job.

Needs no client of a bucket, so that it stays cheap to import; `inference.storage.publisher` does
the transfers.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter

from inference.core.errors import InputCode, InputError
from inference.core.files import UnreadableFile, read_json, write_whole
from inference.core.task import PUBLISHED

SCHEME = "s3://"
_ADDRESS_PATTERN = re.compile(r"s3://([A-Za-z0-9._-]{3,255})/(.+)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class S3Address:
    """Address of a file in a bucket."""

    bucket: str
    key: str

    @property
    def stem(self) -> str:
        """The file's name without its suffix, as in `Path.stem`."""
        return PurePosixPath(self.key).stem

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Publication:
    """Published files of a job, or an upload in progress.

    The files lie in `bucket` under `keys`. `url` is the link to the video, valid until `expires`.
    Without a link, `refusal` is the reason; without that either, the upload is in progress.
    """

    bucket: str
    keys: tuple[str, ...] = ()  # stored before the upload, so that all of it can be deleted
    url: str | None = None
    expires: datetime | None = None
    refusal: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the link is valid now."""
        return self.expires is not None and self.expires > datetime.now(UTC)

    @property
    def is_pending(self) -> bool:
        """Whether the upload is in progress."""
        return self.url is None and self.refusal is None


_PUBLISHED = TypeAdapter(Publication)


def parse_address(text: str) -> S3Address:
    """Return the address in `text`. Raises InputError unless it is like s3://bucket/folder/file."""
    found = _ADDRESS_PATTERN.fullmatch(text)
    if found is None:
        message = f"{text} names no file in a bucket. Write it like s3://bucket/folder/file."
        raise InputError(InputCode.BAD_OPTION, message)
    return S3Address(*found.groups())


def read_publication(folder: Path) -> Publication | None:
    """Return the publication stored in `folder`; None if there is none or it is damaged."""
    try:
        return read_json(folder / PUBLISHED, _PUBLISHED)
    except (FileNotFoundError, UnreadableFile):
        return None


def write_publication(folder: Path, publication: Publication) -> None:
    """Write `publication` into `folder` atomically. Raises OSError."""
    write_whole(folder / PUBLISHED, _PUBLISHED.dump_json(publication))


def write_pending_publication(folder: Path, bucket: str) -> None:
    """Mark the job in `folder` as about to be published. Raises OSError."""
    previous = read_publication(folder) or Publication(bucket)
    if not previous.is_open:
        write_publication(folder, replace(previous, url=None, expires=None, refusal=None))


def read_change_time_ns(folder: Path) -> int:
    """Return when the stored publication last changed, in nanoseconds; 0 if there is none."""
    try:
        return (folder / PUBLISHED).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
