"""The stand-in as a test sees it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict

from tests.support.page_sessions import Session

PROJECT = Path(__file__).parents[3]
_PATIENCE_S = 300
_END_S = 60  # longer than a container's time to end


class Running(TypedDict):
    """A container; `running` has the ids of its inputs, `pid` is 0 before its runtime starts.

    One that is `ending` gets no more inputs: it is of an older deploy, say, or its machine goes.
    """

    task: str
    app: str
    function: str
    pid: int
    running: list[str]
    since: float
    ending: bool


class FailedStarts(TypedDict):
    """How often a function's containers failed before they asked for an input, and its price."""

    count: int
    seconds: float
    dollars: float


class StandIn:
    """A running stand-in with its files in `folder`, which may be given to the `modal` command.

    `secrets` are those that the workspace has: by name, their variables. Containers that are asked
    to end have `grace_s` for it; what they write is committed every `commit_interval_s`. Files in
    containers that are `replaced`, by their paths, have another text than was deployed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        replaced: Mapping[str, str] | None = None,
        grace_s: float = 10.0,
        commit_interval_s: float = 2.0,
    ) -> None:
        self.folder = folder
        self._options = [f"--grace-s={grace_s}", f"--commit-interval-s={commit_interval_s}"]
        self._options.append(f"--replaced={json.dumps(dict(replaced or {}))}")
        for name, values in (secrets or {}).items():
            self._options += [f"--secret={name}:{key}={value}" for key, value in values.items()]
        self._server: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[str]] = []
        self._ports = ("", "")

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "server.log").open("w") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.modal.standin", str(self.folder), *self._options],
                cwd=PROJECT,
                stdin=subprocess.PIPE,  # when this process ends, however it ends, so does that one
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._server.stdout
        words = self._server.stdout.readline().split()
        if words[:1] != ["READY"]:
            self.end()
            raise AssertionError((self.folder / "server.log").read_text())
        self._ports = (words[1], words[2])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead Modal's client here, and to nobody's own settings."""
        return {
            "MODAL_SERVER_URL": f"http://127.0.0.1:{self._ports[0]}",
            "MODAL_TOKEN_ID": "ak-test",
            "MODAL_TOKEN_SECRET": "as-test",
            "MODAL_CONFIG_PATH": str(self.folder / "no-settings.toml"),
        }

    def _variables(self, more: Mapping[str, str] | None) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MODAL_")}
        return inherited | self.environment | dict(more or {})

    def modal(
        self, *arguments: str, env: Mapping[str, str] | None = None, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the `modal` command in the project's folder to its end."""
        return self.python("-m", "modal", *arguments, env=env, input=input)

    def python(
        self, *arguments: str, env: Mapping[str, str] | None = None, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder to its end; it may use Modal's client."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=self._variables(env),
            input=input,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )

    def start_modal(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start the `modal` command; its output comes through pipes."""
        process = subprocess.Popen(
            [sys.executable, "-m", "modal", *arguments],
            cwd=PROJECT,
            env=self._variables(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def url(self, app: str, function: str) -> str:
        """Where a web function is, for a browser; others may not find that host, see `request`."""
        return f"http://{self._host(app, function)}"

    def _host(self, app: str, function: str) -> str:
        name = re.sub(r"[^a-z0-9]+", "-", f"{app}-{function}".lower())
        return f"{name}.localhost:{self._ports[1]}"

    def session(self, app: str, function: str) -> Session:
        """A browser at a page."""
        return Session(f"http://127.0.0.1:{self._ports[1]}", self._host(app, function))

    def request(
        self, app: str, function: str, path: str = "/", data: bytes | None = None
    ) -> urllib.request.Request:
        """What `urlopen` needs to ask a web function."""
        address = f"http://127.0.0.1:{self._ports[1]}{path}"
        return urllib.request.Request(address, data, {"Host": self._host(app, function)})

    def containers(self) -> list[Running]:
        """The containers that there are."""
        found: list[Running] = self._ask("containers")
        return found

    def functions(self, app: str) -> dict[str, dict[str, Any]]:
        """The functions that an app has, by name, as they were declared."""
        return {f["name"]: f for f in self._ask("functions") if f["app"] == app}

    def images(self) -> dict[str, list[str]]:
        """The Dockerfile lines of each image by its id, from the base to the top."""
        found: dict[str, list[str]] = self._ask("images")
        return found

    def runs(self, function: str) -> int:
        """How often a container was given an input of that function."""
        count: int = self._ask("runs").get(function, 0)
        return count

    def failed_starts(self) -> dict[str, FailedStarts]:
        """What was paid for nothing, by function."""
        found: dict[str, FailedStarts] = self._ask("failed-starts")
        return found

    def blind(self) -> list[str]:
        """The functions of the containers in which a process will never see its GPU, because it
        has asked torch for devices before there was one."""
        found: list[str] = self._ask("blind")
        return found

    def unimplemented(self) -> list[str]:
        """The calls that were made but that the stand-in does not know."""
        found: list[str] = self._ask("unimplemented")
        return found

    def kill(self, task: str) -> None:
        """A container is gone from one moment to the next."""
        self._ask(f"containers/{task}/kill", post=True)

    def preempt(self, task: str) -> None:
        """A container's machine is taken away: it is interrupted, and killed if it stays; its work
        begins anew in another meanwhile."""
        self._ask(f"containers/{task}/preempt", post=True)

    def sign(self, task: str, name: str) -> None:
        """Give a container the empty file `/__modal/io/NAME`: what is `replaced` may await it."""
        (self.folder / "tasks" / task / "io" / name).touch()

    def background_commits(self, on: bool) -> None:
        """Whether what containers write is committed now and then by itself."""
        self._ask(f"background-commits/{'on' if on else 'off'}", post=True)

    def volume_folder(self, name: str) -> Path:
        """The committed files of a Volume, for reading only."""
        return Path(self._ask("volumes")[name])

    def output(self) -> str:
        """All that containers have printed, each line after the container and its function."""
        return (self.folder / "output.log").read_text()

    def _ask(self, what: str, post: bool = False) -> Any:
        address = f"http://127.0.0.1:{self._ports[1]}/__standin/{what}"
        request = urllib.request.Request(address, method="POST" if post else "GET")
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            return json.load(answer)

    def end(self) -> None:
        """End everything that was started; containers are asked first."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self._started.clear()
        if self._server is None:
            return
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        try:
            self._server.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._server.send_signal(signal.SIGABRT)  # the kernel ends its containers with it
            self._server.wait()
        self._server.stdout.close()
        self._server = None
        shutil.rmtree(self.folder / "tasks", ignore_errors=True)
