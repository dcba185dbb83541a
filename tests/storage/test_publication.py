"""What a page and a command line say of a bucket, without asking it."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.core.errors import InputError
from inference.core.events import Result
from inference.core.options import Permission
from inference.jobs import lock
from inference.jobs import state as job_state
from inference.jobs.state import LOCK
from inference.storage.publication import (
    Publication,
    S3Address,
    parse_address,
    read_change_time_ns,
    read_publication,
    write_pending_publication,
    write_publication,
)
from ui.cli import terminal

LATER = datetime.now(UTC) + timedelta(days=1)
MADE = Result("out.mp4", 101, 4.04, 896, 448, 25, "scripted", 1.5)
REFUSED = Publication("b", ("p/video.mp4",), refusal="Away.")
LINKED = Publication("b", ("p/video.mp4",), "https://link", LATER)


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[None]:
    """Somebody is at work in the folder."""
    held = lock.acquire(tmp_path / LOCK)
    assert held is not None
    yield
    os.close(held)


def test_an_address_is_read_and_written_as_it_is() -> None:
    found = parse_address("s3://my.faces/some folder/me.png")
    assert found == S3Address("my.faces", "some folder/me.png")
    assert (str(found), found.stem) == ("s3://my.faces/some folder/me.png", "me")


@pytest.mark.parametrize(
    "text", ["s3://", "s3://faces", "s3://faces/", "s3:///me.png", "s3://a b/c"]
)
def test_what_is_no_address_is_quoted(text: str) -> None:
    with pytest.raises(InputError, match=f"^{text} names no file in a bucket. Write it like s3://"):
        parse_address(text)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert (read_publication(tmp_path), read_change_time_ns(tmp_path)) == (None, 0)
    write_publication(tmp_path, LINKED)
    assert read_publication(tmp_path) == LINKED and read_change_time_ns(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["published.json"]


def test_a_try_takes_the_place_of_a_refusal(tmp_path: Path, at_work: None) -> None:
    write_publication(tmp_path, REFUSED)
    write_pending_publication(tmp_path, "another")
    published = job_state.find_publication(tmp_path)
    assert published == Publication("b", ("p/video.mp4",)) and published.is_pending


def test_a_try_leaves_a_link_that_opens(tmp_path: Path, at_work: None) -> None:
    write_publication(tmp_path, LINKED)
    write_pending_publication(tmp_path, "b")
    assert job_state.find_publication(tmp_path) == LINKED


def test_an_upload_whose_process_is_gone_says_so(tmp_path: Path) -> None:
    write_pending_publication(tmp_path, "b")
    published = job_state.find_publication(tmp_path)
    assert published and published.refusal == "The upload ended early. Try again."


def test_a_link_has_a_line_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_result(MADE, LINKED, as_json=False)
    said = capsys.readouterr()
    assert said.out == "https://link\n"
    assert "out.mp4: 4.04 s, made in 1.5 s" in said.err and f"{LATER:%Y-%m-%d}" in said.err


def test_without_a_bucket_nothing_is_said_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_result(MADE, None, as_json=False)
    terminal.print_result(MADE, None, as_json=True, permission=Permission.STATED)
    said = capsys.readouterr()
    assert json.loads(said.out)["permission"] == "stated"
    assert "link" not in said.out + said.err and "ublished" not in said.err


@pytest.mark.parametrize("as_json", [True, False])
def test_why_there_is_no_link_is_said_beside_it(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.print_result(MADE, REFUSED, as_json)
    said = capsys.readouterr()
    assert "The video is in out.mp4, but was not published. Away." in said.err
    assert not as_json or json.loads(said.out)["link"] is None
    assert as_json or said.out == ""
