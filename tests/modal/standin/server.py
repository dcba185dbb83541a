"""The server: its parts put together, and its two ports."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import grpclib.server
from aiohttp import web

from tests.modal.standin.blobs import Blobs, Contents
from tests.modal.standin.calls import Calls
from tests.modal.standin.containers import Container
from tests.modal.standin.control import Control
from tests.modal.standin.deploys import Deploys
from tests.modal.standin.dispatch import Dispatcher
from tests.modal.standin.fleet import Fleet, Pace
from tests.modal.standin.images import Images, Secrets
from tests.modal.standin.stores import Dicts, Queues
from tests.modal.standin.volumes import Volumes
from tests.modal.standin.web import Web

OUTPUT, REQUESTS = "output.log", "requests.log"  # in the folder of work


class Server:
    """Everything that Modal does here, with its files in `folder`, for the HTTP front at `port`."""

    def __init__(
        self, folder: Path, port: int, secrets: dict[str, dict[str, str]], pace: Pace
    ) -> None:
        address = f"http://127.0.0.1:{port}"
        blobs = Blobs(folder / "blobs", address)
        contents = Contents(folder / "contents", blobs)
        images, self._secrets = Images(contents), Secrets(secrets)
        self._deploys = deploys = Deploys(port)
        volumes = Volumes(folder / "volumes", contents, address)
        self.fleet = fleet = Fleet(folder, deploys, images, self._secrets, volumes, pace)
        calls = Calls(deploys, fleet)
        deploys.published, deploys.stopped = fleet.retire, fleet.stop
        deploys.busy = lambda app_id: bool(fleet.of_app(app_id))
        fleet.serve, fleet.printed = self._serve, self._printed
        self._unanswered: set[str] = set()
        self._services: list[object] = [
            deploys,
            images,
            self._secrets,
            contents,
            blobs,
            volumes,
            calls,
        ]
        self._services += [Dicts(), Queues()]
        self._output, self._requests = _log(folder / OUTPUT), _log(folder / REQUESTS)
        self.application = web.Application(client_max_size=1 << 40)
        Control(deploys, images, self._secrets, volumes, fleet, self._unanswered).add_to(
            self.application
        )
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

    def _observe(self, name: str, request: object) -> None:
        self._requests.write(f"=== {name}\n{request}\n")


def _log(path: Path) -> TextIO:
    return path.open("w", buffering=1)


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


async def serve(
    folder: Path, ports: tuple[int, int], secrets: dict[str, dict[str, str]], pace: Pace
) -> None:
    """Serve gRPC and HTTP until told to end, by a signal or by the end of the standard input.

    Prints "READY", the port for gRPC and the one for HTTP; a port 0 means a free one.
    """
    folder = folder.resolve()
    os.chdir(folder)
    grpc, http = map(_listen, ports)
    server = Server(folder, http.getsockname()[1], secrets, pace)
    for_clients = server.grpc()
    await for_clients.start(sock=grpc)
    runner = web.AppRunner(server.application, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, http).start()
    commits = asyncio.create_task(server.fleet.commit_often())
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

    loop.add_reader(0, read)
    await end.wait()
