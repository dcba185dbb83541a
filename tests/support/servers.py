"""The real server in a process of its own, which a test may end, kill and start again.

`python -m tests.support.servers PORT` is `app.py serve` whose jobs are carried out by the scripted
engine, final videos too: a machine with a GPU, as far as the page can tell. With SCRIPTED_HANG the
decoder of recordings hangs on each.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from inference.core.settings import ROOT, load_settings
from inference.jobs import queue
from inference.media import ingest
from tests.support.certificates import lay_certificate
from tests.support.media import free_port
from tests.support.scripted_engine import ScriptedEngine
from ui.media import decoding
from ui.session import availability
from ui.web.app import serve as serve_page

_PATIENCE_S = 180


class Server:
    """A server for the folder `data` at `address`.

    `pause_s`: of the scripted engine between two events of a final video; None for the real
    engines. While the file `hold` exists, no final video of the scripted engine goes on after its
    second window. `settings` are further variables of the environment.
    """

    def __init__(self, data: Path, pause_s: float | None = None, **settings: str) -> None:
        self.data, self._pause_s = data, pause_s
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self.hold = data / "hold"
        self._environment = os.environ | {"PORTRAIT_DATA": str(data)} | settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when the page can be opened."""
        arguments = ["app.py", "serve", "--port", str(self._port)]
        if self._pause_s is not None:
            arguments = ["-m", "tests.support.servers", str(self._port)]
            self._environment |= {
                "SCRIPTED_PAUSE_S": str(self._pause_s),
                "SCRIPTED_DRAFT_PAUSE_S": "0",
                "SCRIPTED_HOLD": str(self.hold),
            }
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, "the server ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """The server is gone without a chance to tidy up; what it started goes on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ctrl-C is the usual way to end it."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                assert self._process.wait(timeout=_PATIENCE_S) == 0
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=1):
                return True
        except OSError:
            return False


@contextmanager
def serving(data: Path, pause_s: float | None = None, **settings: str) -> Iterator[Server]:
    """A started server."""
    lay_certificate(data)
    server = Server(data, pause_s, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def hang(source: Path, target: Path) -> None:
    """Play a decoder that never returns."""
    while True:
        time.sleep(1)


if __name__ == "__main__":
    if os.environ.get("SCRIPTED_HANG"):
        entry = f"tests.support.servers:{hang.__name__}"
        ingest.RECORDING_OPERATION = replace(ingest.RECORDING_OPERATION, entry=entry)
        decoding._SLOW_S = 60  # so that none gives way
    queue.WORKER = "tests.support.scripted_engine"
    availability.select_engine_for = lambda *asked: ScriptedEngine()  # type: ignore[attr-defined]
    with suppress(KeyboardInterrupt):
        serve_page(load_settings(), "127.0.0.1", int(sys.argv[1]), lambda: None)
