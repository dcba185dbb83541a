"""Files that wait have room for everybody: the oldest and the idle ones give way."""

import os
import time
from collections.abc import AsyncIterator

import anyio
import pytest
from starlette.testclient import TestClient

from tests.support.upload_server import FILE, MINE, YOURS, Server, send
from ui.access.identity import OWNER_COOKIE
from ui.media import uploads
from ui.media.uploads import UploadKind


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
