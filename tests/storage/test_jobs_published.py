"""Jobs and commands that publish, and what they take back."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from inference.core.errors import Fault
from inference.core.events import Finished
from inference.core.options import JobOptions
from inference.core.settings import Settings
from inference.core.task import PUBLISHED, RESULT, Task
from inference.jobs import history, worker
from inference.jobs import state as job_state
from inference.jobs.store import JobStore
from inference.storage.publication import read_publication
from inference.storage.publisher import publish, unpublish
from tests.storage.seen import BUCKET, FILM, OTHER, PATIENCE_S, home, opened, status, use
from tests.support.certificates import is_signed
from tests.support.media import ASTRONAUT, VOICE_A
from tests.support.s3_server import S3
from tests.support.scripted_engine import ScriptedEngine, result
from ui.cli.generate import generate_video


def test_what_is_unpublished_is_gone(s3: S3, settings: Settings, job: Path) -> None:
    published = publish(job, settings)
    s3.client.create_multipart_upload(Bucket=BUCKET, Key=published.keys[-1])  # and was killed
    unpublish(job, settings.region)
    assert s3.keys(BUCKET, home(published)) == [] and not (job / PUBLISHED).exists()
    assert status(published.url or "") == 404
    unpublish(job, settings.region)


@pytest.mark.holds("deleting", "no network", "what is still in the bucket is remembered")
def test_what_can_not_be_unpublished_now_is_known_later(
    s3: S3, settings: Settings, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(job, settings)
    use(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(Fault, match="can't be reached"):
        unpublish(job, settings.region)
    assert read_publication(job) == published


def test_another_bucket_takes_it_over(s3: S3, settings: Settings, job: Path) -> None:
    before, published = (publish(job, replace(settings, bucket=name)) for name in (BUCKET, OTHER))
    assert s3.keys(BUCKET, home(before)) == []
    assert s3.keys(OTHER, home(published)) == sorted(published.keys)


def finished(jobs: JobStore, task: Task) -> Path:
    """A finished job of a server."""
    folder = jobs.create("a" * 64)
    Task(task.request, task.plan, folder).save()
    (folder / RESULT).write_bytes(FILM)
    (folder / "submitted").write_text(str(time.time_ns()))
    history.HistoryWriter(folder).append(Finished(result(task.plan)))
    return folder


@pytest.mark.holds("publishing", "two servers", "published once, however often it is asked for")
def test_a_job_is_published_on_demand_and_deleted_with_all_of_it(
    s3: S3, settings: Settings, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = JobStore(settings)
    folder = finished(jobs, task)
    jobs.publish(folder)
    jobs.publish(folder)  # somebody presses twice
    started = job_state.find_publication(folder)
    assert started and (started.is_pending or started.url)
    end = time.monotonic() + PATIENCE_S
    while job_state.is_busy(folder):
        assert time.monotonic() < end
        time.sleep(0.05)
    published = job_state.find_publication(folder)
    assert published and opened(published.url)[1] == FILM
    assert s3.keys(BUCKET, home(published)) == sorted(published.keys)
    jobs.delete(folder)
    while s3.keys(BUCKET, home(published)) or any(folder.parent.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_only_what_is_finished_is_published(settings: Settings, task: Task) -> None:
    jobs = JobStore(settings)
    folder = jobs.create("a" * 64)
    jobs.submit(Task(task.request, task.plan, folder))
    jobs.publish(folder)
    JobStore(replace(settings, bucket=None)).publish(finished(jobs, task))
    assert not list(settings.data.rglob(PUBLISHED))


@pytest.mark.parametrize(("quality", "linked"), [("fast", True), ("draft", False)])
def test_a_worker_publishes_final_videos(task: Task, quality: str, linked: bool) -> None:
    Task(task.request, replace(task.plan, quality=quality), task.folder).save()
    engine = ScriptedEngine([Finished(result(task.plan))])
    assert isinstance(worker.run_job(task.folder, lambda family: engine), Finished)
    published = read_publication(task.folder)
    assert bool(published and published.url) is linked


def test_a_command_adds_the_link_to_its_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    made = generate_video(
        ScriptedEngine(), ASTRONAUT, [VOICE_A], JobOptions(quality="fast"), out, as_json=True
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["frames"]) == (str(out), made.result.frames)
    assert opened(told["link"])[1] == out.read_bytes() and is_signed(out)
