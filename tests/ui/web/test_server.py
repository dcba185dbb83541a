"""However many connections strangers open, and however slowly they send, the page answers."""

import asyncio
import errno
import logging
import resource
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NoReturn

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ui.web import server
from ui.web.server import RareWarnings, Server, build_config, raise_descriptor_limit

DESCRIPTORS = 2048
FLOOD = 100  # connections, of which the server under test keeps MOST
MOST = 24
PATIENCE_S = 20
ASKED = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
SENT = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nbeginning"
WAITING = ASKED.replace(b"/ ", b"/wait ", 1)
ME, STRANGER = "127.0.0.1", "127.0.0.2"


async def answer(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("inside")


async def wait(request: Request) -> PlainTextResponse:
    await asyncio.sleep(PATIENCE_S)
    return PlainTextResponse("late")


@contextmanager
def running(listener: socket.socket) -> Iterator[int]:
    """A server in a thread: its port."""
    routes = [Route("/", answer, methods=["GET", "POST"]), Route("/wait", wait)]
    config = build_config(Starlette(routes=routes), DESCRIPTORS)
    config.timeout_graceful_shutdown = 0
    started = threading.Event()
    page = Server(config, started.set, lambda: None)
    thread = threading.Thread(target=page.run, args=([listener],))
    with listener:
        thread.start()
        assert started.wait(PATIENCE_S)
        try:
            yield listener.getsockname()[1]
        finally:
            page.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@pytest.fixture(autouse=True)
def unfiltered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test's server has logged is news again."""
    for name in ("asyncio", "uvicorn.error"):
        monkeypatch.setattr(logging.getLogger(name), "filters", [])


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", MOST)
    with running(socket.create_server((ME, 0))) as port:
        yield port


def connect(port: int, source: str = ME) -> socket.socket:
    return socket.create_connection((ME, port), PATIENCE_S, source_address=(source, 0))


def ask(port: int) -> bytes:
    """The first line of the page's answer to somebody who comes now."""
    with connect(port) as mine:
        mine.sendall(ASKED)
        return mine.recv(1000).partition(b"\r\n")[0]


def has_ended(connection: socket.socket) -> bool:
    """Whether the server ends a connection; raises TimeoutError if somebody loses patience."""
    with suppress(ConnectionResetError):
        while connection.recv(1000):
            pass
    return True


def test_a_request_that_does_not_arrive_ends_and_a_slow_one_arrives(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 1)
    monkeypatch.setattr(server, "LEAST_BYTES_S", 200)
    much = SENT.replace(b"100", b"9999999")
    with ExitStack() as stack:
        waiting, slow, again, *late = [stack.enter_context(connect(port)) for _ in range(8)]
        waiting.sendall(WAITING)
        again.sendall(ASKED)
        while not again.recv(1000).endswith(b"inside"):
            pass
        begun = [b"GET", b"", ASKED[:-2], SENT, much + bytes(8000), much + bytes(8000)]
        for connection, content in zip([again, *late], begun, strict=True):
            connection.sendall(content)
        open_ones, left, trickling = {again, *late}, 9_999_999 - len(b"beginning"), late[-1]
        slow.sendall(much)
        while open_ones:
            slow.sendall(bytes(1000))
            left -= 1000
            with suppress(OSError):
                trickling.sendall(b" ")
            told, _, _ = select.select(open_ones, [], [], 0.05)
            open_ones -= {connection for connection in told if has_ended(connection)}
        slow.sendall(bytes(left))
        assert slow.recv(1000).startswith(b"HTTP/1.1 200")
        waiting.settimeout(0.1)
        with pytest.raises(TimeoutError):  # what is being answered goes on
            waiting.recv(1000)
    assert ask(port) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("begun", [b"", ASKED[:-2], WAITING])
def test_a_flood_of_connections_ends_its_own(port: int, begun: bytes) -> None:
    with ExitStack() as stack:
        mine = stack.enter_context(connect(port))
        mine.sendall(WAITING)
        flood = [stack.enter_context(connect(port, STRANGER)) for _ in range(FLOOD)]
        for each in flood:
            with suppress(OSError):  # it has ended already
                each.sendall(begun)
        assert ask(port) == b"HTTP/1.1 200 OK"
        mine.settimeout(0.1)
        with pytest.raises(TimeoutError):
            mine.recv(1000)


def test_silent_connections_at_the_same_address_give_way(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(FLOOD):
            stack.enter_context(connect(port))
        assert ask(port) == b"HTTP/1.1 200 OK"


def test_a_full_table_of_descriptors_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    tries = threading.Event()

    class Full(socket.socket):
        def accept(self) -> NoReturn:
            tries.set()
            raise OSError(errno.EMFILE, "Too many open files")

    listener = Full(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((ME, 0))
    listener.listen()
    with running(listener) as port, connect(port):
        assert tries.wait(PATIENCE_S)
    told = [record for record in caplog.records if record.name == "asyncio"]
    assert len(told) == 1 and "out of system resource" in told[0].getMessage()


def test_strangers_fill_no_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        for nonsense in (
            b"nonsense\r\n\r\n",
            ASKED[:-2] + b"Connection: upgrade\r\nUpgrade: x\r\n\r\n",
        ):
            with connect(port) as stranger:
                stranger.sendall(nonsense)
                assert stranger.recv(1000)
    told = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    assert len(told) == len(set(told)) > 0


def test_a_warning_comes_again_and_an_error_always() -> None:
    now = [0.0]
    rare = RareWarnings(lambda: now[0])

    def passes(level: int, message: str) -> bool:
        return rare.filter(logging.LogRecord("x", level, "", 0, message, None, None))

    def count(level: int, message: str) -> int:
        return sum(passes(level, message) for _ in range(9))

    assert count(logging.WARNING, "a") == count(logging.WARNING, "b") == 1
    assert count(logging.ERROR, "socket.accept() out of system resource\nsocket: 1") == 1
    assert count(logging.ERROR, "Exception in ASGI application\n") == 9
    now[0] += server._QUIET_S
    assert count(logging.WARNING, "a") == 1


def test_the_process_may_open_as_many_files_as_the_system_allows() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] - 1, before[1]))
        assert raise_descriptor_limit() >= before[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
