"""Into a real bucket and out of it, over roads that hold and roads that break."""

import hashlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inference import bucket, history, jobfolder, storage, worker
from inference.errors import Fault, InputCode, PortraitError
from inference.events import Finished
from inference.jobs import Jobs
from inference.published import Address, Published, read_published, write_published
from inference.settings import ROOT, Settings
from inference.storage import fetch, publish, unpublish
from inference.task import PUBLISHED, REPORT, RESULT, Task
from tests.fakes import ScriptedEngine, result
from tests.media import ASTRONAUT, VOICE_A
from tests.s3 import KEY_ID, S3, SECRET, Road, environment, running
from ui.making import make

BUCKET, OTHER = "portraits-of-tests", "another-of-tests"
MIB = 1 << 20
PATIENCE_S = 60
FILM = b"a film, " * 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with running(tmp_path_factory.mktemp("s3")) as server:
        for name in (BUCKET, OTHER):
            server.client.create_bucket(Bucket=name)
        yield server


@pytest.fixture(autouse=True)
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, which this process uses."""
    use(monkeypatch, server.address)
    monkeypatch.setenv("AWS_BUCKET_NAME", BUCKET)
    return server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", bucket=BUCKET, region="us-east-1")


@pytest.fixture
def job(task: Task) -> Path:
    """The folder of a finished job."""
    task.save()
    (task.folder / RESULT).write_bytes(FILM)
    (task.folder / REPORT).write_text('{"frames": 101}')
    return task.folder


def use(monkeypatch: pytest.MonkeyPatch, address: str, secret: str = SECRET) -> None:
    for name, value in environment(address, secret).items():
        monkeypatch.setenv(name, value)


def opened(url: str | None) -> Any:
    assert url
    with urllib.request.urlopen(url) as answer:
        return answer.headers, answer.read()


def status(url: str) -> int:
    try:
        opened(url)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a job but the word of where it was published."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != PUBLISHED)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def check_opens_for(published: Published, long: timedelta) -> None:
    assert published.expires
    assert long - timedelta(minutes=5) < published.expires - datetime.now(UTC) <= long


def home(published: Published) -> str:
    return published.keys[-1].rpartition("/")[0]


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
    assert read_published(job) == published and tree(job) == before
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
    video = Address(BUCKET, publish(job, settings).keys[-1])
    url, _ = storage.link(bucket.connect("us-east-1"), video, timedelta(seconds=2))
    assert (status(url), status(url.replace("video.mp4", "report.json"))) == (200, 403)
    end = time.monotonic() + PATIENCE_S
    while status(url) != 403:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_nothing_is_sent_twice(s3: S3, settings: Settings, job: Path) -> None:
    first = publish(job, settings)
    assert publish(job, settings) == first
    when = [s3.client.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in first.keys]
    write_published(job, replace(first, expires=datetime.now(UTC)))
    time.sleep(1.1)  # the server counts in seconds
    again = publish(job, settings)
    assert again.keys == first.keys and again.url != first.url and status(again.url or "") == 200
    for key, then in zip(again.keys, when, strict=True):
        assert s3.client.head_object(Bucket=BUCKET, Key=key)["LastModified"] == then


# the most that a process ever held is inherited from the one that started it, so it is watched
MEASURED = """
import psutil, sys, threading
from inference import storage
held, done = [psutil.Process().memory_info().rss], threading.Event()
def watch():
    while not done.wait(0.005):
        held.append(psutil.Process().memory_info().rss)
watching = threading.Thread(target=watch)
watching.start()
status = storage.main(sys.argv[1:])
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
    published = read_published(job)
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
    assert refused.refusal == bucket.CUT and refused.url is None and road.broken > 1
    assert read_published(job) == refused and tree(job) == before
    assert s3.keys(BUCKET, home(refused)) == []
    use(monkeypatch, s3.address)
    assert publish(job, settings).keys == refused.keys


def test_an_upload_that_was_killed_is_superseded(s3: S3, settings: Settings, job: Path) -> None:
    key = "portraits/2026-01-01/abc/video.mp4"
    for _ in range(2):
        begun = s3.client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        s3.client.upload_part(Bucket=BUCKET, Key=key, UploadId=begun, PartNumber=1, Body=b"half")
    write_published(job, Published(BUCKET, (key,)))
    published = publish(job, settings)
    assert published.keys[-1] == key and opened(published.url)[1] == FILM
    assert s3.keys(BUCKET, home(published)) == sorted(published.keys)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"AWS_BUCKET_NAME": "nobodys"}, "There is no bucket nobodys. Check AWS_BUCKET_NAME."),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, bucket.REFUSED.format(bucket=BUCKET)),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, bucket.UNREACHABLE),
        ({"AWS_ENDPOINT_URL_S3": "nowhere"}, bucket.NOT_UNDERSTOOD.format(bucket=BUCKET)),
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
    assert storage.main([str(job)]) == says
    published = read_published(job)
    assert published and published.refusal == says
    for place in (caplog.text, (job / PUBLISHED).read_text()):
        assert KEY_ID not in place and SECRET not in place


def test_without_a_bucket_the_process_says_so(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_BUCKET_NAME")
    assert "AWS_BUCKET_NAME" in str(storage.main([str(job)])) and not (job / PUBLISHED).exists()


def test_what_is_unpublished_is_gone(s3: S3, settings: Settings, job: Path) -> None:
    published = publish(job, settings)
    s3.client.create_multipart_upload(Bucket=BUCKET, Key=published.keys[-1])  # and was killed
    unpublish(job, settings.region)
    assert s3.keys(BUCKET, home(published)) == [] and not (job / PUBLISHED).exists()
    assert status(published.url or "") == 404
    unpublish(job, settings.region)


def test_what_can_not_be_unpublished_now_is_known_later(
    s3: S3, settings: Settings, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(job, settings)
    use(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(Fault, match="can't be reached"):
        unpublish(job, settings.region)
    assert read_published(job) == published


def test_another_bucket_takes_it_over(s3: S3, settings: Settings, job: Path) -> None:
    before, published = (publish(job, replace(settings, bucket=name)) for name in (BUCKET, OTHER))
    assert s3.keys(BUCKET, home(before)) == []
    assert s3.keys(OTHER, home(published)) == sorted(published.keys)


def finished(jobs: Jobs, task: Task) -> Path:
    """A finished job of a server."""
    folder = jobs.new("a" * 64)
    Task(task.request, task.plan, folder).save()
    (folder / RESULT).write_bytes(FILM)
    (folder / "submitted").write_text(str(time.time_ns()))
    history.History(folder).append(Finished(result(task.plan)))
    return folder


def test_a_job_is_published_on_demand_and_deleted_with_all_of_it(
    s3: S3, settings: Settings, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(settings)
    folder = finished(jobs, task)
    jobs.publish(folder)
    jobs.publish(folder)  # somebody presses twice
    started = jobfolder.published(folder)
    assert started and (started.on_its_way or started.url)
    end = time.monotonic() + PATIENCE_S
    while jobfolder.is_at_work(folder):
        assert time.monotonic() < end
        time.sleep(0.05)
    published = jobfolder.published(folder)
    assert published and opened(published.url)[1] == FILM
    assert s3.keys(BUCKET, home(published)) == sorted(published.keys)
    jobs.delete(folder)
    while s3.keys(BUCKET, home(published)) or any(folder.parent.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_only_what_is_finished_is_published(settings: Settings, task: Task) -> None:
    jobs = Jobs(settings)
    folder = jobs.new("a" * 64)
    jobs.submit(Task(task.request, task.plan, folder))
    jobs.publish(folder)
    Jobs(replace(settings, bucket=None)).publish(finished(jobs, task))
    assert not list(settings.data.rglob(PUBLISHED))


@pytest.mark.parametrize(("quality", "linked"), [("fast", True), ("draft", False)])
def test_a_worker_publishes_final_videos(task: Task, quality: str, linked: bool) -> None:
    Task(task.request, replace(task.plan, quality=quality), task.folder).save()
    engine = ScriptedEngine([Finished(result(task.plan))])
    assert isinstance(worker.run(task.folder, lambda family: engine), Finished)
    published = read_published(task.folder)
    assert bool(published and published.url) is linked


def test_a_command_adds_the_link_to_its_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    made = make(ScriptedEngine(), ASTRONAUT, [VOICE_A], {"quality": "fast"}, out, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["frames"]) == (str(out), made.result.frames)
    assert opened(told["link"])[1] == out.read_bytes()


@pytest.fixture
def given(s3: S3) -> dict[str, Address]:
    """A person's files in the bucket."""
    places = {"image": Address(BUCKET, "in/a face.jpg"), "audio": Address(BUCKET, "in/voice.ogg")}
    for address, file in zip(places.values(), (ASTRONAUT, VOICE_A), strict=True):
        s3.client.upload_file(str(file), address.bucket, address.key)
    return places


def test_a_plan_is_made_of_files_in_a_bucket(
    s3: S3, given: dict[str, Address], tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    options = [part for name, place in given.items() for part in (f"--{name}", str(place))]
    done = subprocess.run(
        [sys.executable, "app.py", "plan", *options, "--json"],
        cwd=ROOT, env=s3.environment | {"TMPDIR": str(temporary), "PATH": "/nonexistent"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["frames"] == 197
    assert not list(temporary.iterdir())


def test_a_file_arrives_whole(given: dict[str, Address], tmp_path: Path) -> None:
    fetch(given["image"], tmp_path / "face", 20, InputCode.PICTURE_TOO_LARGE, "us-east-1")
    assert (tmp_path / "face").read_bytes() == ASTRONAUT.read_bytes()


@pytest.mark.parametrize(
    ("address", "code", "says"),
    [
        (Address(BUCKET, "in/me"), "not_found", f"There is no in/me in the bucket {BUCKET}. "),
        (Address("nobodys", "in/me"), "not_found", "There is no bucket nobodys. Check the address"),
        (Address("no bucket", "me"), "storage", "The bucket no bucket can't be used like this."),
    ],
)
def test_what_is_not_there_is_named(address: Address, code: str, says: str, tmp_path: Path) -> None:
    check_not_fetched(tmp_path, address, code, says)


def test_what_is_too_large_is_not_fetched(given: dict[str, Address], tmp_path: Path) -> None:
    says = "a face.jpg is 1 MB; 0 MB is the most. Choose a smaller file."
    check_not_fetched(tmp_path, given["image"], "picture_too_large", says, most_mib=0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, bucket.REFUSED.format(bucket=BUCKET)),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, bucket.UNREACHABLE),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, bucket.NO_CREDENTIALS),
    ],
)
def test_why_it_was_not_fetched_is_one_sentence(
    given: dict[str, Address],
    wrong: dict[str, str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    check_not_fetched(tmp_path, given["image"], "storage", says)


@pytest.mark.parametrize("always", [False, True])
def test_a_file_is_fetched_over_a_road_that_breaks_once(
    always: bool,
    s3: S3,
    given: dict[str, Address],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Road(s3.address, 20_000, always=always, back=True) as road:
        use(monkeypatch, road.address)
        if always:
            check_not_fetched(tmp_path, given["audio"], "storage", bucket.CUT)
        else:
            fetch(given["audio"], tmp_path / "voice", 1, InputCode.RECORDING_TOO_LARGE, None)
            assert (tmp_path / "voice").read_bytes() == VOICE_A.read_bytes()
    assert road.broken == (3 if always else 1)


def check_not_fetched(
    folder: Path, address: Address, code: str, says: str, most_mib: int = 20
) -> None:
    with pytest.raises(PortraitError) as refused:
        fetch(address, folder / "file", most_mib, InputCode.PICTURE_TOO_LARGE, "us-east-1")
    assert refused.value.code == code and says in refused.value.message
    assert SECRET not in refused.value.details and KEY_ID not in refused.value.details
    assert not list(folder.iterdir())
