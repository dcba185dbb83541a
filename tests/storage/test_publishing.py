"""Into a real bucket, over roads that hold and roads that break."""

import hashlib
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.core.settings import ROOT, Settings
from inference.core.task import PUBLISHED, REPORT, RESULT
from inference.storage import bucket, publisher
from inference.storage.publication import (
    Publication,
    S3Address,
    read_publication,
    write_publication,
)
from inference.storage.publisher import publish
from tests.storage.seen import (
    BUCKET,
    FILM,
    MIB,
    PATIENCE_S,
    check_opens_for,
    home,
    opened,
    status,
    tree,
    use,
)
from tests.support.s3_server import KEY_ID, S3, SECRET, Road


def test_a_published_video_opens_by_its_link(
    s3: S3, settings: Settings, job: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = tree(job)
    published = publish(job, replace(settings, keep_days=3))
    headers, film = opened(published.url)
    assert film == FILM and headers["Content-Type"] == "video/mp4"
    assert headers["Content-Disposition"] == 'inline; filename="talking-portrait.mp4"'
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert re.fullmatch(rf"portraits/{today}/[0-9a-f]{{32}}", home(published))
    assert [Path(key).stem for key in published.keys] == ["settings", "report", "video"]
    assert sorted(published.keys) == s3.keys(BUCKET, home(published))
    assert read_publication(job) == published and tree(job) == before
    check_opens_for(published, timedelta(days=3))
    assert SECRET not in caplog.text + (job / PUBLISHED).read_text()
    assert published.url and published.url not in caplog.text


def test_what_was_asked_and_found_lies_beside_it(s3: S3, settings: Settings, job: Path) -> None:
    published = publish(job, replace(settings, keep_days=30))
    check_opens_for(published, timedelta(days=7))  # more is none of S3's
    used, report = (s3.client.get_object(Bucket=BUCKET, Key=key) for key in published.keys[:2])
    assert used["ContentType"] == report["ContentType"] == "application/json"
    told = json.loads(used["Body"].read())
    assert (told["request"]["seed"], told["plan"]["frames"]) == (42, 101)
    assert report["Body"].read() == (job / REPORT).read_bytes()


def test_a_link_ends_at_its_time_and_opens_nothing_else(settings: Settings, job: Path) -> None:
    video = S3Address(BUCKET, publish(job, settings).keys[-1])
    url, _ = publisher.create_link(bucket.connect("us-east-1"), video, timedelta(seconds=2))
    assert (status(url), status(url.replace("video.mp4", "report.json"))) == (200, 403)
    end = time.monotonic() + PATIENCE_S
    while status(url) != 403:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_nothing_is_sent_twice(s3: S3, settings: Settings, job: Path) -> None:
    first = publish(job, settings)
    assert publish(job, settings) == first
    when = [s3.client.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in first.keys]
    write_publication(job, replace(first, expires=datetime.now(UTC)))
    time.sleep(1.1)  # the server counts in seconds
    again = publish(job, settings)
    assert again.keys == first.keys and again.url != first.url and status(again.url or "") == 200
    for key, then in zip(again.keys, when, strict=True):
        assert s3.client.head_object(Bucket=BUCKET, Key=key)["LastModified"] == then


# the most that a process ever held is inherited from the one that started it, so it is watched
MEASURED = """
import psutil, sys, threading
from inference.storage import publisher
held, done = [psutil.Process().memory_info().rss], threading.Event()
def watch():
    while not done.wait(0.005):
        held.append(psutil.Process().memory_info().rss)
watching = threading.Thread(target=watch)
watching.start()
status = publisher.main(sys.argv[1:])
done.set()
watching.join()
print(max(held) - held[0])
sys.exit(status)
"""


def test_a_long_video_goes_in_parts_and_never_into_memory(s3: S3, job: Path) -> None:
    long = 65 * MIB
    with (job / RESULT).open("r+b") as file:
        file.truncate(long)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(job)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 0 < int(done.stdout) < 50 * MIB, "the client itself takes half of that"
    published = read_publication(job)
    assert published and published.url
    found = s3.client.get_object(Bucket=BUCKET, Key=published.keys[-1])
    assert found["ContentLength"] == long and found["ETag"].endswith('-5"')
    sent = hashlib.sha256()
    for block in found["Body"].iter_chunks(MIB):
        sent.update(block)
    with (job / RESULT).open("rb") as file:
        assert sent.digest() == hashlib.file_digest(file, "sha256").digest()


def lengthened(job: Path) -> Path:
    """The job with a video that goes in two parts."""
    with (job / RESULT).open("r+b") as file:
        file.truncate(20 * MIB)
    return job


@pytest.mark.holds("publishing", "no network", "a cut is mended; the video stays here")
def test_a_cut_is_mended(
    s3: S3, settings: Settings, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Road(s3.address, 5 * MIB) as road:
        use(monkeypatch, road.address)
        published = publish(lengthened(job), settings)
    assert road.broken == 1 and published.refusal is None
    found = s3.client.head_object(Bucket=BUCKET, Key=published.keys[-1])
    assert found["ContentLength"] == 20 * MIB and len(s3.keys(BUCKET, home(published))) == 3


def test_a_road_that_always_breaks_leaves_nothing_and_a_sentence(
    s3: S3, settings: Settings, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(lengthened(job))
    with Road(s3.address, MIB, always=True) as road:
        use(monkeypatch, road.address)
        refused = publish(job, settings)
    assert refused.refusal == bucket.CONNECTION_CUT and refused.url is None and road.broken > 1
    assert read_publication(job) == refused and tree(job) == before
    assert s3.keys(BUCKET, home(refused)) == []
    use(monkeypatch, s3.address)
    assert publish(job, settings).keys == refused.keys


@pytest.mark.holds("publishing", "kill", "the next try takes its place")
def test_an_upload_that_was_killed_is_superseded(s3: S3, settings: Settings, job: Path) -> None:
    key = "portraits/2026-01-01/abc/video.mp4"
    for _ in range(2):
        begun = s3.client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        s3.client.upload_part(Bucket=BUCKET, Key=key, UploadId=begun, PartNumber=1, Body=b"half")
    write_publication(job, Publication(BUCKET, (key,)))
    published = publish(job, settings)
    assert published.keys[-1] == key and opened(published.url)[1] == FILM
    assert s3.keys(BUCKET, home(published)) == sorted(published.keys)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"AWS_BUCKET_NAME": "nobodys"}, "There is no bucket nobodys. Check AWS_BUCKET_NAME."),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, bucket.ACCESS_DENIED.format(bucket=BUCKET)),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, bucket.UNREACHABLE),
        ({"AWS_ENDPOINT_URL_S3": "nowhere"}, bucket.BAD_REQUEST.format(bucket=BUCKET)),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, bucket.NO_CREDENTIALS),
    ],
)
def test_why_it_was_not_published_is_one_sentence(
    job: Path,
    wrong: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    caplog.set_level("INFO")
    assert publisher.main([str(job)]) == says
    published = read_publication(job)
    assert published and published.refusal == says
    for place in (caplog.text, (job / PUBLISHED).read_text()):
        assert KEY_ID not in place and SECRET not in place


def test_without_a_bucket_the_process_says_so(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_BUCKET_NAME")
    assert "AWS_BUCKET_NAME" in str(publisher.main([str(job)])) and not (job / PUBLISHED).exists()
