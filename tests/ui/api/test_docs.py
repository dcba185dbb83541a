"""The HTTP API at a real server: as it explains itself, with listeners that go and come back."""

import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.core.settings import Settings
from inference.jobs.store import JobStore
from tests.support.api_client import TOKEN, bearer
from tests.support.bad_files import write_wav
from tests.support.media import ASTRONAUT, decoded
from tests.support.servers import Server, serving
from ui.api.docs import page
from ui.api.routes import Routes

MIB = 2**20
STEP_S = 0.08  # from one event of a scripted job to the next


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that makes final videos, by script."""
    data = tmp_path_factory.mktemp("data")
    with serving(data, STEP_S, PORTRAIT_API_TOKEN=TOKEN, PORTRAIT_RUNNING="2") as server:
        yield server


@pytest.fixture
def program(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, headers=bearer(), timeout=60) as program:
        yield program


def asked(program: httpx.Client, folder: Path, seconds: float = 4.0) -> str:
    """The address of a new job of two windows."""
    voice = write_wav(folder / "voice.wav", seconds, 0.1).read_bytes()
    files = {"image": ("face.png", ASTRONAUT.read_bytes()), "audio": ("voice.wav", voice)}
    answer = program.post("/api/jobs", files=files, data={"quality": "fast"})
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def listen(program: httpx.Client, job: str, until: str, last: str = "") -> list[tuple[str, str]]:
    """The (id, type) of what is heard after the event `last`, up to the first of type `until`; then
    the listener goes away."""
    said: list[tuple[str, str]] = []
    number = ""
    headers = {"Last-Event-ID": last} if last else {}
    with program.stream("GET", f"{job}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = value
            elif name == "event":
                said.append((number, value))
                if value == until:
                    break
    return said


@pytest.mark.holds("API", "no network", "a listener goes on where it was")
def test_a_listener_and_a_server_that_go_come_back_and_nothing_is_lost(
    server: Server, program: httpx.Client, tmp_path: Path
) -> None:
    job = asked(program, tmp_path)
    first = listen(program, job, until="step")
    assert program.get(job).json()["state"] == "running"
    assert program.get(f"{job}/result").status_code == 409
    then = listen(program, job, until="window", last=first[-1][0])
    server.kill()
    server.start()
    rest = listen(program, job, until="end", last=then[-1][0])
    heard = [int(number) for number, kind in first + then + rest if kind != "end"]
    assert heard == list(range(len(heard)))
    assert [kind for _, kind in rest[-2:]] == ["finished", "end"]
    over = program.get(f"{job}/events", headers={"Last-Event-ID": str(heard[-1])})
    assert over.status_code == 204
    seen = program.get(job).json()
    assert (seen["state"], seen["progress"]["share"]) == ("finished", 1.0)
    (tmp_path / "out.mp4").write_bytes(program.get(f"{job}/result").content)
    assert len(decoded(tmp_path / "out.mp4")) == seen["result"]["frames"] == 101


def test_a_job_is_stopped_in_the_middle_and_goes_on(program: httpx.Client, tmp_path: Path) -> None:
    job = asked(program, tmp_path)
    listen(program, job, until="window")
    assert program.post(f"{job}/cancel").status_code == 200
    assert listen(program, job, until="end")[-2][1] == "cancelled"
    seen = program.get(job).json()
    assert seen["state"] == "cancelled" and 0 < seen["kept_frames"] < seen["plan"]["frames"]
    (tmp_path / "kept.mp4").write_bytes(program.get(f"{job}/result").content)
    assert len(decoded(tmp_path / "kept.mp4")) == seen["kept_frames"]
    assert program.post(f"{job}/resume").json()["state"] in ("queued", "running")
    assert listen(program, job, until="end")[-2][1] == "finished"
    assert program.delete(job).status_code == 204
    assert program.get(job).status_code == 404


def test_what_is_too_large_is_cut_off_and_leaves_nothing(
    server: Server, program: httpx.Client
) -> None:
    before = set((server.data / "jobs").glob("*"))
    sent = []

    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(25):  # of which no length was said
            sent.append(MIB)
            yield bytes(MIB)

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = program.post("/api/jobs", content=pieces(), headers=kind)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "picture_too_large")
    assert set((server.data / "jobs").glob("*")) == before


def example(explained: str) -> str:
    """The shell commands in the explanation."""
    return "\n".join(re.findall(r"^    (.*)$", explained, re.MULTILINE))


def by_hand(address: str, folder: Path) -> None:
    """What the example does, where there is no curl."""
    with httpx.Client(base_url=address, headers=bearer(), timeout=60) as program:
        names = {"image": "face.png", "audio": "voice.wav"}
        files = {name: (names[name], (folder / names[name]).read_bytes()) for name in names}
        job = program.post("/api/jobs", files=files).headers["location"]
        listen(program, job, until="end")
        (folder / "out.mp4").write_bytes(program.get(f"{job}/result").content)


def test_its_example_makes_a_video(tmp_path: Path) -> None:
    shutil.copy(ASTRONAUT, tmp_path / "face.png")
    write_wav(tmp_path / "voice.wav", 0.8, 0.1)
    with serving(tmp_path / "data", PORTRAIT_API_TOKEN=TOKEN) as server:
        with urllib.request.urlopen(f"{server.address}/api") as explained:
            script = example(explained.read().decode())
        assert server.address in script
        if shutil.which("curl"):
            done = subprocess.run(
                ["bash", "-euc", script],
                cwd=tmp_path,
                env=os.environ | {"PORTRAIT_API_TOKEN": TOKEN, "NO_PROXY": "*"},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout.rstrip().endswith('event: end\ndata: {"state": "finished"}')
        else:
            by_hand(server.address, tmp_path)
    assert len(decoded(tmp_path / "out.mp4")) == 21


def test_every_route_is_explained(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    explained = re.findall(r"^(GET|POST|DELETE) +(/api/\S+)", page("http://x/"), re.MULTILINE)
    routes = Routes(settings, JobStore(settings), "somebody").application().routes
    there = {
        (method, getattr(route, "path", "").replace("{job}", "ID"))
        for route in routes
        for method in getattr(route, "methods", set()) - {"HEAD"}
    }
    assert set(explained) | {("GET", "/api")} == there
