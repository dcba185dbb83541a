"""Files arrive whole or not at all, no larger than allowed, and wait for their owner alone."""

import errno
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message

from inference.core.errors import InputError
from inference.core.write_access import WriteUnavailable
from ui.access.identity import OWNER_COOKIE, Owners
from ui.media import uploads
from ui.media.uploads import HEADER, UploadKind, UploadStore
from ui.strings import text

MINE, YOURS = {OWNER_COOKIE: "a" * 64}, {OWNER_COOKIE: "b" * 64}
OURS = {HEADER: "1"}
FILE = os.urandom(200_000)
MIB = 2**20


class Server:
    """The upload's route for one folder of data."""

    def __init__(self, data: Path) -> None:
        self.uploads, self.owners, self.root = UploadStore(data), Owners(data), data / "uploads"
        self.app = FastAPI()
        self.app.include_router(uploads.create_router(self.uploads, self.owners))

    def browser(self, cookies: dict[str, str]) -> TestClient:
        return TestClient(self.app, cookies=cookies, headers=OURS)

    def owner(self, cookies: dict[str, str]) -> str:
        owner = self.owners.identify(cookies)
        assert owner
        return owner

    def has(self, cookies: dict[str, str], upload: str) -> bool:
        """Whether that upload is there for that person. It is gone then."""
        try:
            with self.uploads.claim(self.owner(cookies), upload):
                return True
        except InputError:
            return False

    def files(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "data")


@pytest.fixture
def me(server: Server) -> TestClient:
    return server.browser(MINE)


def send(browser: TestClient, content: bytes = FILE, kind: str = "picture") -> str:
    answer = browser.post(f"/upload?kind={kind}", content=content)
    assert answer.status_code == 200
    upload: str = answer.json()["upload"]
    return upload


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


def test_of_too_many_the_oldest_makes_room(server: Server, me: TestClient) -> None:
    mine, other = server.owner(MINE), send(server.browser(YOURS))
    sent = []
    with server.uploads.claim(mine, send(me)) as used:
        os.utime(used, (0, 0))
        for age_s in range(uploads.MAX_PENDING + 1, 0, -1):
            sent.append(send(me))
            then = time.time() - age_s
            os.utime(server.root / mine / sent[-1], (then, then))
        assert used.exists()
    assert [server.has(MINE, upload) for upload in sent] == [False] + [True] * uploads.MAX_PENDING
    assert server.has(YOURS, other)


def test_what_nobody_used_for_an_hour_goes_with_the_sweep(server: Server, me: TestClient) -> None:
    send(server.browser(YOURS))
    send(server.browser({OWNER_COOKIE: "c" * 64}))
    theirs, kept = (server.root / server.owner({OWNER_COOKIE: letter * 64}) for letter in "bc")
    (theirs / f"{'1' * 32}.part").write_bytes(FILE)  # of a server that was killed
    long_ago = time.time() - uploads.MAX_AGE_S - 60
    for path in theirs.iterdir():
        os.utime(path, (long_ago, long_ago))
    os.utime(kept, (0, 0))  # on a Volume a folder's own time says nothing
    send(me)
    server.uploads.delete_expired()
    assert len(server.files()) == 2
    assert sorted(server.root.iterdir()) == sorted([kept, server.root / server.owner(MINE)])


def test_many_people_fill_no_disk(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_ALL_PENDING", 3)
    sent = []
    for number in range(5):
        cookies = {OWNER_COOKIE: f"{number:064x}"}
        answer = server.browser(cookies).post("/upload?kind=picture", content=FILE)
        sent.append((cookies, answer.json()["upload"]))
    assert len(server.files()) == 3
    assert [server.has(*each) for each in sent] == [False, False, True, True, True]


def test_what_is_pending_has_a_size(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_ALL_PENDING_BYTES", 500_000)
    monkeypatch.setattr(uploads, "_ROOM_STEP_BYTES", 1)
    mine, yours = server.browser(MINE), server.browser(YOURS)
    first = mine.post("/upload?kind=picture", content=FILE).json()["upload"]
    with server.uploads.claim(server.owner(MINE), first):  # is being read: not deleted for others
        refused = yours.post("/upload?kind=picture", content=(b"a" * 100_000 for _ in range(4)))
        assert refused.status_code == 429 and "Try again" in refused.json()["message"]
        assert len(server.files()) == 1
        assert yours.post("/upload?kind=picture", content=FILE).status_code == 200


def test_an_upload_that_had_to_make_room_ends(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_ROOM_STEP_BYTES", 1)
    owner, left = server.owner(MINE), []

    async def send(chunks: int) -> None:
        async def slow() -> AsyncIterator[bytes]:
            for _ in range(chunks):
                yield b"a"
                left.append(len(server.files()))
                await anyio.sleep(0.01)

        await server.uploads.receive(owner, UploadKind.PICTURE, slow())

    async def crowd() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(send, 10_000)
            for _ in range(uploads.MAX_PENDING):
                while not left:
                    await anyio.sleep(0.01)
                await send(1)

    with pytest.raises(ExceptionGroup) as caught:
        anyio.run(crowd)
    assert caught.group_contains(FileNotFoundError)
    assert len(left) < 10_000 and not [path for path in server.files() if path.suffix]


def test_idle_uploads_give_way(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_ALL_PENDING", 3)
    for number in range(3):
        idle = server.root / f"{number:064x}" / f"{number:032x}.part"
        idle.parent.mkdir(parents=True)
        idle.touch()
        os.utime(idle, (number, number))
    assert server.browser(MINE).post("/upload?kind=picture", content=FILE).status_code == 200
    assert {path.suffix for path in server.files()} == {"", ".part"} and len(server.files()) == 3


def test_a_nearly_full_disk_takes_no_more(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MIN_FREE_BYTES", 2**60)
    refused = server.browser(MINE).post("/upload?kind=picture", content=FILE)
    assert refused.status_code == 507 and "nearly full" in refused.json()["message"]
    assert not server.files()
