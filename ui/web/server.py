"""HTTP server of the page: how many may connect, and how long a request may take to arrive.

uvicorn answers 503 above its `limit_concurrency`, but has no time-out for a request that arrives
slowly or never, and counts silent connections like others: a few hundred of them would close the
page to everyone. So connections here end when their request is late, and when there are too many,
the address that holds most of them gives way.
"""

import asyncio
import logging
import math
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ui.access.rate_limiter import parse_address

MOST_CONNECTIONS = 1000  # each open page has one to six
PATIENCE_S = 20  # for a request's first bytes; then it must go on arriving at LEAST_BYTES_S
LEAST_BYTES_S = 500  # of the slowest line; Apache's mod_reqtimeout has the same figures
_BACKLOG = 2048  # connections that wait, and are accepted at once; uvicorn's default
_ROOM = 50  # silent connections that end at a time, so that a flood is not counted anew for each
_MACOS_MOST_FILES = 10_240  # its hard limit says "infinite", and more is refused
_QUIET_S = 600  # until the same warning is logged again
_ASKING = (h11.IDLE, h11.SEND_BODY)  # a request has not arrived, or not to its end


def raise_descriptor_limit() -> int:
    """Raise this process's limit on open files to the hard limit; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, max(soft, _MACOS_MOST_FILES)) if sys.platform == "darwin" else hard
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class RareWarnings(logging.Filter):
    """Filter that passes the same warning once in a while: strangers can cause any number of them.

    asyncio tells of a full table of descriptors up to `_BACKLOG` times a second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._quiet_until: dict[str, float] = {}  # few: the messages are the libraries' own

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be logged."""
        line, now = str(record.msg).partition("\n")[0], self._clock()
        if record.levelno >= logging.ERROR and not line.startswith("socket.accept()"):
            return True
        if now < self._quiet_until.get(line, now):
            return False
        self._quiet_until[line] = now + _QUIET_S
        return True


class Connection(H11Protocol):
    """Connection whose requests must arrive in time, and that gives way when there are too many."""

    address: str
    _due_s: float | None  # until then the server waits for a request; None while it has one

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, and make room."""
        super().connection_made(transport)
        self.address = parse_address(self.client[0] if self.client else "")
        self._due_s = self.loop.time() + PATIENCE_S
        most = self.config.limit_concurrency
        if most is not None and len(self.connections) > most - self.config.backlog:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Handle what has arrived of a request; more of it buys no more than `PATIENCE_S`."""
        latest_s = self.loop.time() + PATIENCE_S
        earned_s = latest_s if self._due_s is None else self._due_s + len(data) / LEAST_BYTES_S
        self._due_s = min(latest_s, earned_s)
        super().data_received(data)
        if self.conn.their_state not in _ASKING:
            self._due_s = None

    def end_if_late(self) -> None:
        """End the connection if its request is late."""
        if self._due_s is None:
            return
        if self.flow.read_paused:  # it is the server that does not read on
            self._due_s = self.loop.time() + PATIENCE_S
        elif self.loop.time() > self._due_s:
            self.end()

    def end(self) -> None:
        """End the connection at once; a browser asks again on another."""
        self.connections.discard(self)
        self.transport.abort()

    @property
    def is_silent(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        """End connections of the address that has most: first those that ask for nothing.

        Requests of others end for this one, never those of its own address: there it is uvicorn
        that answers 503.
        """
        everybody = [each for each in self.connections if isinstance(each, Connection)]
        busiest, _ = Counter(each.address for each in everybody).most_common(1)[0]
        theirs = [each for each in everybody if each.address == busiest and each is not self]
        silent = sorted((each for each in theirs if each.is_silent), key=_get_due_time)
        for each in silent[:_ROOM] or (theirs[:1] if busiest != self.address else []):
            each.end()


def _get_due_time(connection: Connection) -> float:
    """Return until when a request is awaited; those that had one come last."""
    return math.inf if connection._due_s is None else connection._due_s


class Server(uvicorn.Server):
    """Server that calls `started` once it listens, and stops although pages are open.

    `stop` ends what requests may wait for.
    """

    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._started, self._stop = started, stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()

    async def on_tick(self, counter: int) -> bool:
        """End connections that are late, each second."""
        if counter % 10 == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.end_if_late()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close open connections first: each open page has one, and uvicorn would wait for it."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        self._stop()
        await super().shutdown(sockets)


def build_config(app: ASGIApp, descriptors: int) -> uvicorn.Config:
    """Return uvicorn's configuration for a process that may open so many `descriptors`.

    Half of them are for connections, so that files, pipes and jobs never lack one.
    """
    backlog = min(_BACKLOG, descriptors // 8)
    options: dict[str, Any] = {
        "http": Connection,
        "ws": "none",
        "log_level": "warning",
        "proxy_headers": False,  # see `ui.web.forwarding`
        "backlog": backlog,
        "limit_concurrency": min(MOST_CONNECTIONS, descriptors // 2) + backlog,
    }
    config = uvicorn.Config(app, **options)
    for name in ("asyncio", "uvicorn.error"):
        logging.getLogger(name).addFilter(RareWarnings())
    return config
