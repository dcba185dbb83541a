"""Files arrive whole or not at all, no larger than allowed, and wait for their owner alone."""

import errno
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from inference.core.write_access import WriteUnavailable
from tests.support.upload_server import FILE, MINE, OURS, YOURS, Server, send
from ui.access.identity import OWNER_COOKIE
from ui.media import uploads
from ui.media.uploads import HEADER, UploadKind
from ui.strings import text

MIB = 2**20


@pytest.mark.parametrize("kind", ["picture", "voice"])
def test_a_file_arrives_as_it_was_and_is_used_once(
    server: Server, me: TestClient, kind: str
) -> None:
    upload = send(me, kind=kind)
    with server.uploads.claim(server.owner(MINE), upload) as path:
        assert path.read_bytes() == FILE
        assert not server.has(MINE, upload)  # somebody has it
        assert server.files() == [path]
    assert server.files() == []


def test_it_goes_also_when_nothing_could_be_made_of_it(server: Server, me: TestClient) -> None:
    mine, upload = server.owner(MINE), send(me)
    with pytest.raises(WriteUnavailable), server.uploads.claim(mine, upload):
        raise WriteUnavailable
    with pytest.raises(ZeroDivisionError), server.uploads.claim(mine, upload):
        raise ZeroDivisionError
    assert server.files() == []


def test_only_its_owner_gets_it(server: Server, me: TestClient) -> None:
    upload = send(me)
    assert not server.has(YOURS, upload)
    assert server.has(MINE, upload)


@pytest.mark.parametrize("upload", ["", "..", "0" * 32, "A" * 32, f"../{'0' * 64}/{'0' * 32}"])
def test_an_id_that_is_none_gives_nothing(server: Server, me: TestClient, upload: str) -> None:
    send(me)
    assert not server.has(MINE, upload)
    assert len(server.files()) == 1


def test_it_lies_where_only_the_server_looks(server: Server, me: TestClient) -> None:
    before = os.umask(0)
    try:
        send(me)
    finally:
        os.umask(before)
    folder = server.root / server.owner(MINE)
    assert [path.stat().st_mode & 0o777 for path in (server.root, folder)] == [0o700, 0o700]


@pytest.mark.parametrize("cookies", [{}, {OWNER_COOKIE: "nonsense"}])
def test_who_keeps_no_cookie_is_told_so(server: Server, cookies: dict[str, str]) -> None:
    answer = server.browser(cookies).post("/upload?kind=picture", content=FILE)
    assert (answer.status_code, answer.json()) == (403, {"message": text.NO_COOKIE})
    assert server.files() == []


def test_a_form_of_another_site_and_an_unknown_kind_are_refused(server: Server) -> None:
    browser = TestClient(server.app, cookies=MINE)
    for address, headers in [("kind=picture", {}), ("kind=film", OURS), ("", OURS)]:
        answer = browser.post(f"/upload?{address}", content=FILE, headers=headers)
        assert (answer.status_code, answer.json()) == (400, {"message": text.BROKE})
    assert server.files() == []


def headers_of(length: int) -> list[tuple[bytes, bytes]]:
    cookie = f"{OWNER_COOKIE}={MINE[OWNER_COOKIE]}".encode()
    told = str(length).encode()
    return [(b"cookie", cookie), (HEADER.lower().encode(), b"1"), (b"content-length", told)]


@pytest.mark.parametrize(
    ("kind", "megabytes", "sentence"),
    [
        ("picture", 21, "This picture is 21 MB; 20 MB is the most. Choose a smaller one."),
        ("voice", 101, "This recording is 101 MB; 100 MB is the most. Choose a smaller one."),
    ],
)
def test_a_file_that_is_too_large_is_refused_before_it_is_sent(
    server: Server, kind: str, megabytes: int, sentence: str
) -> None:
    said: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the file is read")

    async def say(message: Message) -> None:
        said.append(message)

    async def ask() -> None:
        query, length = f"kind={kind}".encode(), megabytes * MIB
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/upload"}
        scope |= {"query_string": query, "headers": headers_of(length), "http_version": "1.1"}
        await server.app(scope, receive, say)

    anyio.run(ask)
    assert said[0]["status"] == 413
    assert sentence.encode() in said[1]["body"]


def test_the_largest_allowed_arrives(
    server: Server, me: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_PICTURE_MIB", 1)
    send(me, bytes(MIB))
    assert me.post("/upload?kind=picture", content=bytes(MIB + 1)).status_code == 413
    send(me, bytes(MIB + 1), "voice")


def test_a_file_that_does_not_say_its_length_is_stopped_at_the_limit(
    server: Server, me: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_PICTURE_MIB", 1)

    def chunks() -> Iterator[bytes]:
        yield from [bytes(MIB), b"more"]

    answer = me.post("/upload?kind=picture", content=chunks())
    assert answer.status_code == 413
    assert "This picture is 2 MB" in answer.json()["message"]
    assert server.files() == []


async def broken_off() -> AsyncIterator[bytes]:
    yield FILE
    raise ConnectionError


@pytest.mark.holds("upload", "torn file", "a file that breaks off leaves nothing")
def test_a_file_that_breaks_off_leaves_nothing(server: Server) -> None:
    with pytest.raises(ConnectionError):
        anyio.run(server.uploads.receive, server.owner(MINE), UploadKind.PICTURE, broken_off())
    assert server.files() == []


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        (errno.ENOSPC, 507, "The disk is full: there is no room for {}. Free some space"),
        (errno.EROFS, 500, "{}"),
    ],
)
@pytest.mark.holds("upload", "full disk", "one sentence names the folder; nothing is left")
@pytest.mark.holds("upload", "read-only", "one sentence names the folder")
def test_a_disk_that_takes_nothing_is_one_sentence_and_leaves_nothing(
    server: Server,
    me: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    status: int,
    says: str,
) -> None:
    async def fail(chunk: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(anyio.AsyncFile, "write", lambda file, chunk: fail(chunk))
    answer = me.post("/upload?kind=voice", content=FILE)
    assert answer.status_code == status
    assert says.format(server.root.parent) in answer.json()["message"]
    assert server.files() == []
