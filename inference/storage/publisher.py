"""Finished videos into a bucket, with a link to hand on; a person's files out of one.

    python -m inference.storage.publisher FOLDER      publishes the finished job in it

A process of its own, because a long video takes its time. Exit status: 0 when there is a link.
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

from inference.core.errors import Fault, InputCode, InputError
from inference.core.published import Publication, S3Address, read_publication, write_publication
from inference.core.settings import Settings, load_settings
from inference.core.task import PLAN, PUBLISHED, REPORT, REQUEST, RESULT
from inference.storage.bucket import MIB, TRANSFER_CONFIG, NotFound, connect, translate_errors

logger = logging.getLogger(__name__)

_KEY_PREFIX, _DOWNLOAD_NAME = "portraits", "talking-portrait"
_RANDOM_KEY_BYTES = 16  # of the part of a key that nobody guesses
_MAX_LINK_AGE = timedelta(days=7)  # by the rules of S3's signatures
_NO_BUCKET = "No bucket is set up here. Set AWS_BUCKET_NAME."


@dataclass(frozen=True)
class _JobObject:
    """One object of a job: `content` is a file, or all of it."""

    name: str
    content_type: str
    content: Path | bytes

    @property
    def size_bytes(self) -> int:
        content = self.content
        return len(content) if isinstance(content, bytes) else content.stat().st_size


def publish(folder: Path, settings: Settings) -> Publication:
    """Where the finished job in `folder` now lies in the settings' bucket, with a link that opens
    for `keep_days`, 7 at most; or its `refusal`, the sentence why it does not.

    The same is written into the folder. What lies there already is not sent again, and the files of
    the job are only read. Raises OSError.
    """
    assert settings.bucket, "whoever publishes has a bucket"
    before = read_publication(folder)
    if before and before.bucket != settings.bucket:
        _unpublish_from_old_bucket(folder, settings.region)
        before = None
    if before and before.is_open:
        return before
    known = before.keys if before else ()
    home = known[0].rpartition("/")[0] if known else _create_key_prefix()
    parts = _list_objects(folder)
    planned = Publication(settings.bucket, tuple(f"{home}/{part.name}" for part in parts))
    write_publication(folder, planned)
    try:
        with translate_errors(planned.bucket):
            client = connect(settings.region)
            _upload(client, planned, parts, again=bool(known))
            opens = min(timedelta(days=settings.keep_days), _MAX_LINK_AGE)
            url, expires = create_link(client, S3Address(planned.bucket, planned.keys[-1]), opens)
        done = replace(planned, url=url, expires=expires)
    except Fault as fault:
        logger.warning("%s was not published: %s", folder.name[:8], fault.details)
        done = replace(planned, refusal=fault.message)
    write_publication(folder, done)
    return done


def unpublish(folder: Path, region: str | None) -> None:
    """Delete what of the job in `folder` lies in a bucket, and the word of it in the folder.

    Raises Fault when that can't be done now; then the word stays.
    """
    published = read_publication(folder)
    if published is None:
        return
    with (
        suppress(NotFound),
        translate_errors(published.bucket),
    ):  # with the bucket gone, nothing is in it
        _delete(connect(region), published.bucket, published.keys)
    (folder / PUBLISHED).unlink(missing_ok=True)


def fetch(
    address: S3Address, target: Path, most_mib: int, too_large: InputCode, region: str | None
) -> None:
    """Copy the file at `address` to `target`, whole; nothing is left of one that did not arrive.

    Raises InputError when it is not there, or larger than `most_mib` (code `too_large`), Fault when
    the bucket can't be used, and OSError.
    """
    with translate_errors(address.bucket):
        client = connect(region)
    try:
        with translate_errors(address.bucket):
            found = client.head_object(Bucket=address.bucket, Key=address.key)
            size_mib = found["ContentLength"] / MIB
            if size_mib > most_mib:
                message = f"{address} is {math.ceil(size_mib)} MB; {most_mib} MB is the most."
                raise InputError(too_large, f"{message} Choose a smaller file.")
            client.download_file(address.bucket, address.key, str(target), Config=TRANSFER_CONFIG)
    except NotFound as missing:
        raise InputError(
            InputCode.NOT_FOUND, _describe_missing(client, address), missing.details
        ) from missing


def create_link(client: Any, video: S3Address, opens: timedelta) -> tuple[str, datetime]:
    """A link to `video` for whoever has it, and the time until which it opens."""
    expires = datetime.now(UTC) + opens
    url: str = client.generate_presigned_url(
        "get_object",
        Params={"Bucket": video.bucket, "Key": video.key},
        ExpiresIn=int(opens.total_seconds()),
    )
    return url, expires


def _create_key_prefix() -> str:
    """Where a job's objects lie: told by its day for whoever looks after the bucket, and guessed by
    nobody."""
    return f"{_KEY_PREFIX}/{datetime.now(UTC):%Y-%m-%d}/{secrets.token_hex(_RANDOM_KEY_BYTES)}"


def _list_objects(folder: Path) -> list[_JobObject]:
    """The objects of the job, small ones first: a bucket that can't be used says so at once. The
    video is the last."""
    request, plan = (json.loads((folder / name).read_bytes()) for name in (REQUEST, PLAN))
    used = json.dumps({"request": request, "plan": plan}, indent=1).encode()
    parts = [_JobObject("settings.json", "application/json", used)]
    if (folder / REPORT).exists():
        parts.append(_JobObject("report.json", "application/json", folder / REPORT))
    return [*parts, _JobObject("video.mp4", "video/mp4", folder / RESULT)]


def _upload(client: Any, planned: Publication, parts: list[_JobObject], again: bool) -> None:
    """Put every part where it belongs, or none. `again`: some may be there already."""
    sent: list[str] = []
    try:
        for key, part in zip(planned.keys, parts, strict=True):
            if again and _is_uploaded(client, planned.bucket, key, part.size_bytes):
                continue
            sent.append(key)
            place = {"Bucket": planned.bucket, "Key": key}
            name = f"{_DOWNLOAD_NAME}{Path(part.name).suffix}"
            about = {
                "ContentType": part.content_type,
                "ContentDisposition": f'inline; filename="{name}"',
            }
            if isinstance(part.content, bytes):
                client.put_object(Body=part.content, **place, **about)
            else:
                client.upload_file(
                    str(part.content), **place, ExtraArgs=about, Config=TRANSFER_CONFIG
                )
    except BaseException:
        with suppress(Exception):  # what stays is deleted with the job: its keys are written down
            _delete(client, planned.bucket, sent[:-1])
        raise


def _is_uploaded(client: Any, bucket: str, key: str, length: int) -> bool:
    """Whether that object is there, all of it. What an upload that was killed left goes."""
    _abort_uploads(client, bucket, key)
    try:
        return bool(client.head_object(Bucket=bucket, Key=key)["ContentLength"] == length)
    except client.exceptions.ClientError:  # also where one may not ask: then it is sent
        return False


def _delete(client: Any, bucket: str, keys: tuple[str, ...] | list[str]) -> None:
    for key in keys:
        client.delete_object(Bucket=bucket, Key=key)
        _abort_uploads(client, bucket, key)


def _abort_uploads(client: Any, bucket: str, key: str) -> None:
    """Drop the parts of uploads to `key` that never came to an end; nobody can see them."""
    with suppress(client.exceptions.ClientError):  # not all who may write may ask for these
        begun = client.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", [])
        for upload in begun:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])


def _unpublish_from_old_bucket(folder: Path, region: str | None) -> None:
    """Leave nothing in the bucket that was in use before this one, if it still lets us."""
    try:
        unpublish(folder, region)
    except Fault as fault:
        logger.warning("%s stays in another bucket: %s", folder.name[:8], fault.message)


def _describe_missing(client: Any, address: S3Address) -> str:
    """What of `address` is not there: its bucket, or only the file."""
    try:
        with translate_errors(address.bucket):
            client.head_bucket(Bucket=address.bucket)
    except NotFound:
        return f"There is no bucket {address.bucket}. Check the address {address}."
    except Fault:  # one may look into it, but not at it
        pass
    return f"There is no {address.key} in the bucket {address.bucket}. Check the address."


def main(arguments: list[str]) -> int | str:
    """Publish the job whose folder is the one argument; returns the exit status, or what to say
    with status 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = load_settings()
    if settings.bucket is None:
        return _NO_BUCKET
    return publish(Path(arguments[0]), settings).refusal or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
