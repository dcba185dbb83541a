"""Upload of finished videos to a bucket, with a link to share, and download of input files.

    python -m inference.storage.publisher FOLDER      publishes the finished job in it

It runs as a process of its own, because a long video takes time. Exit status 0 means that there is
a link.
"""

import json
import logging
import math
import secrets
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from inference.core.confinement.confine import hide_memory
from inference.core.errors import Fault, InputCode, InputError
from inference.core.settings import Settings, load_settings
from inference.core.task import PLAN, PUBLISHED, REPORT, REQUEST, RESULT
from inference.storage.bucket import MIB, TRANSFER_CONFIG, NotFound, connect, translate_errors
from inference.storage.publication import (
    Publication,
    S3Address,
    read_publication,
    write_publication,
)

logger = logging.getLogger(__name__)

_KEY_PREFIX, _DOWNLOAD_NAME = "portraits", "talking-portrait"
_RANDOM_KEY_BYTES = 16  # random part of a key, which makes it impossible to guess
_MAX_LINK_AGE = timedelta(days=7)  # limit of S3's signatures
_NO_BUCKET = "No bucket is set up here. Set AWS_BUCKET_NAME."


@dataclass(frozen=True)
class _JobObject:
    """Object of a job in the bucket; `content` is a file or the bytes themselves."""

    name: str
    content_type: str
    content: Path | bytes

    @property
    def size_bytes(self) -> int:
        content = self.content
        return len(content) if isinstance(content, bytes) else content.stat().st_size


def publish(folder: Path, settings: Settings) -> Publication:
    """Upload the finished job in `folder` to the settings' bucket, and return its publication.

    It has a link that opens for `keep_days`, at most 7, or a `refusal`, a sentence that states why
    the upload failed. It is also written into `folder`. Complete objects are not uploaded twice,
    and the job's files are only read. Raises OSError.
    """
    assert settings.bucket, "publishing needs a bucket"
    previous = read_publication(folder)
    if previous and previous.bucket != settings.bucket:
        _unpublish_from_old_bucket(folder, settings.region)
        previous = None
    if previous and previous.is_open:
        return previous
    old_keys = previous.keys if previous else ()
    prefix = old_keys[0].rpartition("/")[0] if old_keys else _create_key_prefix()
    objects = _list_objects(folder)
    planned = Publication(settings.bucket, tuple(f"{prefix}/{each.name}" for each in objects))
    write_publication(folder, planned)
    try:
        with translate_errors(planned.bucket):
            client = connect(settings.region)
            _upload(client, planned, objects, resume=bool(old_keys))
            lifetime = min(timedelta(days=settings.keep_days), _MAX_LINK_AGE)
            video = S3Address(planned.bucket, planned.keys[-1])
            url, expires = create_link(client, video, lifetime)
        done = replace(planned, url=url, expires=expires)
    except Fault as fault:
        logger.warning("%s was not published: %s", folder.name[:8], fault.details)
        done = replace(planned, refusal=fault.message)
    write_publication(folder, done)
    return done


def unpublish(folder: Path, region: str | None) -> None:
    """Delete the job's objects from the bucket, and the publication from `folder`.

    Raises Fault when the bucket can't be used; then the publication stays.
    """
    publication = read_publication(folder)
    if publication is None:
        return
    bucket = publication.bucket
    with suppress(NotFound), translate_errors(bucket):  # a missing bucket holds no objects
        _delete(connect(region), bucket, publication.keys)
    (folder / PUBLISHED).unlink(missing_ok=True)


def fetch(
    address: S3Address, target: Path, max_mib: int, too_large: InputCode, region: str | None
) -> None:
    """Download the file at `address` to `target`; leave no partial file.

    Raises InputError when it does not exist or exceeds `max_mib` (code `too_large`), Fault when
    the bucket can't be used, and OSError.
    """
    with translate_errors(address.bucket):
        client = connect(region)
    try:
        with translate_errors(address.bucket):
            head = client.head_object(Bucket=address.bucket, Key=address.key)
            size_mib = head["ContentLength"] / MIB
            if size_mib > max_mib:
                message = f"{address} is {math.ceil(size_mib)} MB; {max_mib} MB is the most."
                raise InputError(too_large, f"{message} Choose a smaller file.")
            client.download_file(address.bucket, address.key, str(target), Config=TRANSFER_CONFIG)
    except NotFound as missing:
        message = _describe_missing(client, address)
        raise InputError(InputCode.NOT_FOUND, message, missing.details) from missing


def create_link(client: Any, video: S3Address, lifetime: timedelta) -> tuple[str, datetime]:
    """Return a link to `video` that needs no credentials, and the time when it expires."""
    expires = datetime.now(UTC) + lifetime
    url: str = client.generate_presigned_url(
        "get_object",
        Params={"Bucket": video.bucket, "Key": video.key},
        ExpiresIn=int(lifetime.total_seconds()),
    )
    return url, expires


def _create_key_prefix() -> str:
    """Return a new prefix for a job's keys: dated for the operator, and impossible to guess."""
    return f"{_KEY_PREFIX}/{datetime.now(UTC):%Y-%m-%d}/{secrets.token_hex(_RANDOM_KEY_BYTES)}"


def _list_objects(folder: Path) -> list[_JobObject]:
    """Return the job's objects, the video last.

    Small ones come first, so that an unusable bucket is noticed at once.
    """
    request, plan = (json.loads((folder / name).read_bytes()) for name in (REQUEST, PLAN))
    used = json.dumps({"request": request, "plan": plan}, indent=1).encode()
    objects = [_JobObject("settings.json", "application/json", used)]
    if (folder / REPORT).exists():
        objects.append(_JobObject("report.json", "application/json", folder / REPORT))
    return [*objects, _JobObject("video.mp4", "video/mp4", folder / RESULT)]


def _upload(client: Any, planned: Publication, objects: list[_JobObject], resume: bool) -> None:
    """Upload all objects, or none. `resume` skips those that are complete in the bucket."""
    sent: list[str] = []
    try:
        for key, each in zip(planned.keys, objects, strict=True):
            if resume and _is_uploaded(client, planned.bucket, key, each.size_bytes):
                continue
            sent.append(key)
            _upload_object(client, planned.bucket, key, each)
    except BaseException:
        with suppress(Exception):  # the rest is deleted with the job, whose keys are stored
            _delete(client, planned.bucket, sent[:-1])
        raise


def _upload_object(client: Any, bucket: str, key: str, job_object: _JobObject) -> None:
    target = {"Bucket": bucket, "Key": key}
    name = f"{_DOWNLOAD_NAME}{Path(job_object.name).suffix}"
    headers = {
        "ContentType": job_object.content_type,
        "ContentDisposition": f'inline; filename="{name}"',
    }
    content = job_object.content
    if isinstance(content, bytes):
        client.put_object(Body=content, **target, **headers)
    else:
        client.upload_file(str(content), **target, ExtraArgs=headers, Config=TRANSFER_CONFIG)


def _is_uploaded(client: Any, bucket: str, key: str, size_bytes: int) -> bool:
    """Return whether the whole object exists; abort its unfinished uploads."""
    _abort_uploads(client, bucket, key)
    try:
        return bool(client.head_object(Bucket=bucket, Key=key)["ContentLength"] == size_bytes)
    except client.exceptions.ClientError:  # also without permission to ask: upload it then
        return False


def _delete(client: Any, bucket: str, keys: tuple[str, ...] | list[str]) -> None:
    for key in keys:
        client.delete_object(Bucket=bucket, Key=key)
        _abort_uploads(client, bucket, key)


def _abort_uploads(client: Any, bucket: str, key: str) -> None:
    """Abort the unfinished multipart uploads to `key`, whose parts are invisible."""
    with suppress(client.exceptions.ClientError):  # writers need no permission to list these
        uploads = client.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", [])
        for upload in uploads:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])


def _unpublish_from_old_bucket(folder: Path, region: str | None) -> None:
    """Delete the job's objects from the bucket used before, if it still permits this."""
    try:
        unpublish(folder, region)
    except Fault as fault:
        logger.warning("%s stays in another bucket: %s", folder.name[:8], fault.message)


def _describe_missing(client: Any, address: S3Address) -> str:
    """Return a sentence on whether the bucket of `address` is missing, or only the file."""
    try:
        with translate_errors(address.bucket):
            client.head_bucket(Bucket=address.bucket)
    except NotFound:
        return f"There is no bucket {address.bucket}. Check the address {address}."
    except Fault:  # no permission for the bucket itself, only for its objects
        pass
    return f"There is no {address.key} in the bucket {address.bucket}. Check the address."


def main(arguments: list[str]) -> int | str:
    """Publish the job in the folder given as argument.

    Returns the exit status, or a message to print with status 1.
    """
    hide_memory()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = load_settings()
    if settings.bucket is None:
        return _NO_BUCKET
    return publish(Path(arguments[0]), settings).refusal or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
