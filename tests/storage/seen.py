"""Buckets, and what can be seen of what was put into them."""

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inference.core.task import PUBLISHED
from inference.storage.publication import Publication
from tests.support.s3_server import SECRET, environment

BUCKET, OTHER = "portraits-of-tests", "another-of-tests"
MIB = 1 << 20
PATIENCE_S = 60
FILM = b"a film, " * 1000


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


def check_opens_for(published: Publication, long: timedelta) -> None:
    assert published.expires
    assert long - timedelta(minutes=5) < published.expires - datetime.now(UTC) <= long


def home(published: Publication) -> str:
    return published.keys[-1].rpartition("/")[0]
