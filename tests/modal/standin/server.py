"""The server: its parts put together, and its two ports."""

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import grpclib.server
from aiohttp import web

from tests.modal.standin.blobs import Blobs, Contents
from tests.modal.standin.calls import Calls
from tests.modal.standin.commits import Commits
from tests.modal.standin.containers import Container
from tests.modal.standin.control import Control
from tests.modal.standin.deploys import Deploys
from tests.modal.standin.dispatch import Dispatcher
from tests.modal.standin.fleet import Fleet
from tests.modal.standin.images import Images, Secrets
from tests.modal.standin.logs import Logs
from tests.modal.standin.starts import Starts
from tests.modal.standin.stores import Dicts, Queues
from tests.modal.standin.volumes import Volumes
from tests.modal.standin.web import Web

_LARGE = 10_000  # bytes of a request that is not written down
OUTPUT, REQUESTS = "output.log", "requests.log"  # in the folder of work


@dataclass(frozen=True)
class Pace:
    """Times which a test may want to be shorter."""

    grace_s: float = 10.0  # between the request to end and the kill; Modal's is 30
    commit_interval_s: float = 2.0  # between background commits; Modal's are some seconds apart


@dataclass(frozen=True)
class Workspace:
    """Secrets by name, and texts of files that are not in containers as they were deployed."""

    secrets: dict[str, dict[str, str]]
    replaced: dict[str, str]


class Server:
    """Everything that Modal does here, with its files in `folder`, for the HTTP front at `port`."""

    def __init__(self, folder: Path, port: int, workspace: Workspace, pace: Pace) -> None:
        address = f"http://127.0.0.1:{port}"
        blobs = Blobs(folder / "blobs", address)
        contents = Contents(folder / "contents", blobs)
        images, secret = Images(contents, workspace.replaced), Secrets(workspace.secrets)
        self._deploys = deploys = Deploys(port)
        volumes = Volumes(folder / "volumes", contents, address)
        starts = Starts(folder, deploys, images, secret, volumes)
        self.fleet = fleet = Fleet(starts, deploys, pace.grace_s)
        self.commits = commits = Commits(fleet, pace.commit_interval_s)
        calls, logs = Calls(deploys, fleet), Logs(deploys, fleet)
        deploys.published, deploys.stopped = fleet.renew, fleet.stop
        starts.serve, fleet.printed = self._serve, self._printed
        self._services: list[object] = [deploys, images, secret, contents, blobs]
        self._services += [volumes, calls, logs, Dicts(), Queues()]
        self._unanswered: set[str] = set()
        self._output, self._requests = _log(folder / OUTPUT), _log(folder / REQUESTS)
        self.application = web.Application(client_max_size=1 << 40)
        control = Control(
            deploys, images, secret, volumes, fleet, starts, commits, self._unanswered
        )
        control.add_to(self.application)
        Web(deploys, calls, blobs, volumes).add_to(self.application)

    def grpc(self, peer: Container | None = None) -> grpclib.server.Server:
        """Serves one container, or all clients."""
        return grpclib.server.Server(
            [Dispatcher(self._services, self._observe, self._unanswered, peer)]
        )

    async def _serve(self, container: Container) -> Callable[[], None]:
        """Each container has a socket of its own: so it is known who asks."""
        server = self.grpc(container)
        # relative to the folder of work, because a socket's path must be short
        await server.start(path=os.path.relpath(container.io / "sock"))
        return server.close

    def _printed(self, container: Container, line: str) -> None:
        app = self._deploys.apps[self._deploys.get(container.function_id).app_id]
        app.output.append(line)
        self._output.write(f"[{container.task_id} {container.function.function_name}] {line}")

    def _observe(self, name: str, request: Any) -> None:
        text = request if request.ByteSize() < _LARGE else f"{request.ByteSize()} bytes\n"
        self._requests.write(f"=== {name}\n{text}\n")


def _log(path: Path) -> TextIO:
    return path.open("w", buffering=1)


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


async def serve(folder: Path, ports: tuple[int, int], workspace: Workspace, pace: Pace) -> None:
    """Serve gRPC and HTTP until a signal comes, or until a pipe at the standard input is closed.

    Prints "READY", the port for gRPC and the one for HTTP; a port 0 means a free one.
    """
    folder = folder.resolve()
    os.chdir(folder)
    grpc, http = map(_listen, ports)
    server = Server(folder, http.getsockname()[1], workspace, pace)
    for_clients = server.grpc()
    await for_clients.start(sock=grpc)
    runner = web.AppRunner(server.application, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, http).start()
    commits = asyncio.create_task(server.commits.run())
    print("READY", grpc.getsockname()[1], http.getsockname()[1], flush=True)
    await _told_to_end()
    commits.cancel()
    await server.fleet.close()
    for_clients.close()
    await runner.cleanup()


async def _told_to_end() -> None:
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)

    def read() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            end.set()

    if stat.S_ISFIFO(os.fstat(0).st_mode):
        loop.add_reader(0, read)
    await end.wait()
