"""Every route that there is, asked in every way by everybody: only its owner gets anything."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from starlette.types import Message, Scope

from inference.core.settings import Settings
from inference.jobs.store import JobStore
from tests.support.routes import addresses
from ui.access.identity import KEY_FILE, OWNER_COOKIE, Owners
from ui.api.door import owner_of
from ui.web.app import create_app
from ui.web.auth import SESSION_COOKIE, SignInSessions

SECRETLY = b"nobody else may see this" * 50
PATIENCE_S = 20
PASSWORD, TOKEN = "a password that is long", "a token that is long"
MINE, YOURS = "a" * 64, "b" * 64
METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND get".split()
UNSAFE = [method for method in METHODS if method not in ("GET", "HEAD")]
NAMES = ["result.mp4", "../../../secret", "\0", "%2e%2e/secret", "x" * 5000, "ä" * 150]
OPEN = re.compile(r"/(healthz|sign-in|style/.+|api)")  # to those who are not signed in
# Sent with every kind of request, a few at a time: what proxies, caches and old programs send.
ODD_HEADERS = [
    (b"range", b"bytes=0-99"),
    (b"range", b"bytes=-0,9-1,x"),
    (b"if-none-match", b"*"),
    (b"if-range", b"\xff"),
    (b"accept-encoding", b"br;q=x, gzip;q=-1"),
    (b"accept", b"\xfe/\xff"),
    (b"content-length", b"-1"),
    (b"content-length", b"99999999999999999999"),
    (b"content-type", b"multipart/form-data"),
    (b"content-type", b"multipart/form-data; boundary=\xff\xfe"),
    (b"content-type", b"application/json; charset=utf-99"),
    (b"last-event-id", b"-99999999999999999999"),
    (b"idempotency-key", b"\xff" * 300),
    (b"x-forwarded-for", b"\xff, 999.0.0.1, ::1%eth0"),
    (b"x-forwarded-proto", b"javascript"),
    (b"x-forwarded-prefix", b"//elsewhere.test"),
    (b"x-forwarded-host", b"elsewhere.test"),
    (b"forwarded", b"for=1.2.3.4;host=elsewhere.test"),
    (b"x-forwarded-server", b"elsewhere.test"),
    (b"x-original-url", b"//elsewhere.test"),
    (b"x-portrait", b"1"),
    (b"origin", b"null"),
    (b"cookie", b"a" * 3000),
    (b"upgrade", b"websocket"),
]
BODIES = [b"", b"{", b'{"data": [{"do": "delete"}], "session_hash": "x", "fn_index": 0}', bytes(99)]


Header: TypeAlias = tuple[bytes, bytes]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: list[Header]
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path[:200]!r} {self.headers} {self.body!r}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class World:
    """The page and the API, with work of mine, and everybody who may come by."""

    def __init__(self, data: Path, portal: BlockingPortal) -> None:
        self.portal = portal
        self.settings = Settings(data=data, password=PASSWORD, api_token=TOKEN)
        self.app = portal.call(self._build)
        owners, jobs = Owners(data), JobStore(self.settings)
        self.owner = owners.sign(MINE)
        self.folders = [jobs.create(self.owner), jobs.create(owner_of("another", owners))]
        names = "crop.jpg", "result.mp4", "result.gif", "report.json", "windows/000.mp4"
        self.files = [folder / name for folder in self.folders for name in names]
        self.files += [data / "desks" / self.owner / "desk.json"]
        self.files += [data / "uploads" / self.owner / ("c" * 32)]
        for path in self.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(SECRETLY)
        self.secrets = [SECRETLY[:24], (data / KEY_FILE).read_bytes(), TOKEN.encode()]
        self.session = SignInSessions(PASSWORD, owners.sign).create()

    async def _build(self) -> FastAPI:  # Gradio leaves a loop open when it finds none running
        return create_app(self.settings)

    def paths(self) -> list[str]:
        """Every address, its variables replaced by what is there and by what is not."""
        found = set()
        for pattern in addresses(self.app):
            for name in NAMES if "{" in pattern else NAMES[:1]:
                known = re.sub(r"\{job\}", self.folders[0].name, pattern)
                found.add(re.sub(r"\{[^}]*\}", name, known))
        return sorted(found)

    def people(self) -> dict[str, list[Header]]:
        """What each sends; the owner who is signed in is not among them."""
        return {
            "nobody": [],
            "another": [_cookie(YOURS, self.session)],
            "signed out": [_cookie(MINE)],
            "forged": [_cookie(MINE, f"99999999999.{'0' * 64}")],
            "torn": [(b"cookie", b'portrait="\xff; portrait=../../x; portrait-session=1.\xc3\xa9')],
            "guessing": [(b"authorization", b"Bearer wrong")],
            "program": [(b"authorization", b"Bearer " + TOKEN.encode())],
        }

    def state(self) -> dict[str, tuple[int, int, bytes]]:
        """What is mine, as it is on the disk."""
        return {
            str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
            for folder in {file.parent for file in self.files}
            for path in folder.iterdir()
            if path.is_file()
        }

    def ask(self, *asked: Asked) -> list[Answer]:
        """Return the answers, of which each comes in its time."""

        async def ask_all() -> list[Answer]:
            return [await asyncio.wait_for(_ask(self.app, each), PATIENCE_S) for each in asked]

        return self.portal.call(ask_all)


def _cookie(owner: str, session: str = "") -> Header:
    return b"cookie", f"{OWNER_COOKIE}={owner}; {SESSION_COOKIE}={session}".encode()


def _is_plain(path: str) -> bool:
    return bool(re.fullmatch(r"[\w./=-]{1,200}", path)) and ".." not in path


async def _ask(app: FastAPI, asked: Asked) -> Answer:
    messages = [{"type": "http.request", "body": asked.body, "more_body": False}]
    told: list[Message] = []
    is_over = asyncio.Event()

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await is_over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        told.append(message)
        kind = dict(message.get("headers", ())).get(b"content-type", b"")
        is_stream = kind.startswith(b"text/event-stream")
        if is_stream or (message["type"] == "http.response.body" and not message.get("more_body")):
            is_over.set()  # of a stream nobody waits for more than the start

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": asked.path,
        "raw_path": asked.path.encode(errors="replace"),
        "query_string": b"stream=0&after=x&download=%ff&kind=voice",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:7860"), *asked.headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 7860),
        "state": {},
    }
    try:
        await app(scope, receive, send)
    except Exception as error:  # which a server logs, and answers with status 500
        return Answer(500, {}, repr(error).encode())
    start = next((each for each in told if each["type"] == "http.response.start"), None)
    assert start, f"{asked} has no answer"
    body = b"".join(each.get("body", b"") for each in told)
    return Answer(start["status"], dict(start["headers"]), body)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "put back after these tests")

        with start_blocking_portal() as portal:
            yield World(tmp_path_factory.mktemp("data"), portal)


def test_the_addresses_are_those_of_the_page_the_api_and_gradio(world: World) -> None:
    found = set(addresses(world.app))
    assert {"/", "/upload", "/media/desk/{name}", "/api/jobs/{job}/result", "/sign-in"} - found == {
        "/sign-in"  # answered before there are routes
    }
    assert "/gradio_api/queue/join" in found and len(found) > 80


def test_its_owner_gets_it(world: World) -> None:
    path = f"/media/{world.folders[0].name}/result.mp4"
    (answer,) = world.ask(Asked("GET", path, [_cookie(MINE, world.session)]))
    assert answer.body == SECRETLY


@pytest.mark.parametrize(
    "who", ["nobody", "another", "signed out", "forged", "torn", "guessing", "program"]
)
def test_nobody_else_gets_or_changes_anything(who: str, world: World) -> None:
    before, random = world.state(), Random(who)
    sent = world.people()[who]
    asked = [
        Asked(
            method,
            path,
            sent + random.sample(ODD_HEADERS, random.choice((0, 1, 4))),
            random.choice(BODIES),
        )
        for path in [*world.paths(), "/sign-in"]
        for method in (METHODS if _is_plain(path) else ("GET", "POST"))
    ]
    for each, answer in zip(asked, world.ask(*asked), strict=True):
        said = f"{each}: {answer.status} {answer.body[:200]!r}"
        assert answer.status < 500, said
        assert not any(secret in answer.body for secret in world.secrets), said
        assert b"Traceback" not in answer.body and b'File "' not in answer.body, said
        assert b"elsewhere.test" not in answer.body + b"".join(answer.headers.values()), said
        assert answer.headers[b"x-content-type-options"] == b"nosniff", said
        if who != "another" and answer.status < 300:
            is_theirs = who == "program" and each.path.startswith("/api")
            assert is_theirs or OPEN.fullmatch(each.path), said
    assert world.state() == before


def test_another_site_changes_nothing_in_my_name(world: World) -> None:
    before = world.state()
    sent = [_cookie(MINE, world.session), (b"sec-fetch-site", b"cross-site")]
    asked = [Asked(way, path, sent, BODIES[2]) for path in world.paths() for way in UNSAFE]
    for each, answer in zip(asked, world.ask(*asked), strict=True):
        assert answer.status in (401, 403, 404), f"{each}: {answer.status}"
    assert world.state() == before
