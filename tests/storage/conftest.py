"""A real bucket, and a job to put into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.core.settings import Settings
from inference.core.task import REPORT, RESULT, Task
from tests.storage.seen import BUCKET, FILM, OTHER, use
from tests.support.s3_server import S3, running


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
