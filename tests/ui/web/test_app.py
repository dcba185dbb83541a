"""The server keeps everyone's things apart, whichever way is tried, and jobs going."""

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from starlette.testclient import TestClient

from inference.core.errors import InputError
from inference.core.settings import Settings
from inference.core.task import Task
from inference.jobs.store import JobStore, State
from tests.support.page_sessions import Session
from tests.support.routes import patterns
from tests.support.servers import serving
from ui.access.identity import KEY_FILE, OWNER_COOKIE, Owners
from ui.media import decoding
from ui.media.serving import build_media_url, build_session_url
from ui.media.uploads import HEADER
from ui.strings import text
from ui.web import page
from ui.web.app import create_app, serve
from ui.web.document import build_words

SECRETLY = b"nobody else may see this" * 500
HOSTILE = {"hostile": "</script><!--"}
MINE, YOURS = {OWNER_COOKIE: "a" * 64}, {OWNER_COOKIE: "b" * 64}
HEX = "0123456789abcdef" * 2
ON_DESK = [f"picture-{HEX}.jpg", f"picture-{HEX}.png", f"voice-{HEX}.wav", "desk.json"]
IN_JOB = ["crop.jpg", "result.mp4", "frames/latest.jpg", "windows/000.mp4", "growing/000.mp4"]
STREAMS = "/gradio_api/(heartbeat|queue/data)"  # never end, and show nothing but one's own events
PATIENCE_S = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def app(data: Path) -> Iterator[FastAPI]:
    async def build() -> FastAPI:  # Gradio leaves an event loop open when it finds none running
        return create_app(Settings(data=data))

    sentences = text.for_browser() | HOSTILE
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "put back after these tests")
        patch.setattr(text, "for_browser", lambda: sentences)
        with start_blocking_portal() as portal:
            yield portal.call(build)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, cookies=MINE) as client:
        yield client


@pytest.fixture
def stranger(app: FastAPI, client: TestClient) -> TestClient:
    """Someone else's browser."""
    return TestClient(app, cookies=YOURS)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server in a process of its own: its address and its data."""
    data = tmp_path_factory.mktemp("real")
    with serving(data, pause_s=0) as server:
        yield server.address, data


@pytest.fixture
def files(data: Path, client: TestClient) -> list[Path]:
    """Everything of mine that lies in the server's folder."""
    owner = Owners(data).identify(MINE)
    assert owner
    folder = JobStore(Settings(data=data)).create(owner)
    made = [folder / name for name in [*IN_JOB, "picture.png", "voice-1.wav", "events.jsonl"]]
    made += [data / "desks" / owner / name for name in ON_DESK]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SECRETLY)
    answer = client.post("/upload?kind=voice", content=SECRETLY, headers={HEADER: "1"})
    return [*made, data / "uploads" / owner / answer.json()["upload"]]


def test_it_says_that_it_is_well(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_what_is_mine_reaches_me(client: TestClient, files: list[Path]) -> None:
    job = files[0].parent.name
    for address in [build_media_url(job, name) for name in IN_JOB] + [
        build_session_url(ON_DESK[0])
    ]:
        assert client.get(address).content == SECRETLY


def _ways(app: FastAPI, data: Path, path: Path) -> set[str]:
    """Addresses that might lead to `path`, if a route were careless."""
    inside = str(path.relative_to(data))
    names = [str(path), inside, inside.partition("/")[2], path.name]
    ways = {f"/media/{name}" for name in names} | {f"/media/desk/{name}" for name in names}
    for name in names:
        ways |= {f"/gradio_api/file={name}", f"/gradio_api/file/{name}", f"//{name}", f"/{name}"}
        for up in ("../" * 8, "%2e%2e/" * 8, "..%2f" * 8):
            ways |= {f"/style/{up}{name}", f"/assets/{up}{name}", f"/static/{up}{name}"}
        for pattern in set(patterns(app.routes)):
            ways.add(re.sub(r"\{[^}]*\}", name, pattern))
            ways.add(re.sub(r"\{[^}]*\}", quote(name, safe=""), pattern))
    return {way for way in ways if not re.match(STREAMS, way)}


@pytest.mark.parametrize(
    "number", [0, 1, 5, 8, -1], ids=["crop", "film", "clean", "desk", "upload"]
)
def test_no_way_leads_a_stranger_to_what_is_mine(
    app: FastAPI, stranger: TestClient, data: Path, files: list[Path], number: int
) -> None:
    ways = _ways(app, data, files[number])
    assert "/gradio_api/upload_progress" in ways  # Gradio's own routes are among them
    for way in ways:
        for headers in ({}, {"Range": "bytes=0-99"}):
            answer = stranger.get(f"http://testserver{way}", headers=headers)
            assert b"nobody else" not in answer.content, way
            length = answer.headers.get("content-range", answer.headers.get("content-length", ""))
            assert str(len(SECRETLY)) not in length, way


def test_the_key_is_given_to_nobody(app: FastAPI, client: TestClient, data: Path) -> None:
    key = (data / KEY_FILE).read_bytes()
    for way in _ways(app, data, data / KEY_FILE):
        assert key not in client.get(f"http://testserver{way}").content, way


def test_gradio_takes_and_gives_no_files(client: TestClient, data: Path) -> None:
    sent = client.post("/gradio_api/upload", files={"files": ("mine.txt", SECRETLY)})
    assert sent.status_code == 404
    for closed in ("info", "openapi.json", "file=README.md", "upload_progress", "runs"):
        assert client.get(f"/gradio_api/{closed}").status_code == 404
    for closed in ("docs", "redoc", "openapi.json", "monitoring/summary"):
        assert client.get(f"/{closed}").status_code == 404
    left = [path for path in (data / "gradio").rglob("*") if path.is_file()]
    assert left == []


def test_other_sites_are_not_let_in(client: TestClient) -> None:
    origin = {"Origin": "https://elsewhere.test"}
    for path in ("/", "/config", "/gradio_api/startup-events", "/pulse"):
        assert "access-control-allow-origin" not in client.get(path, headers=origin).headers
    asking = origin | {"Access-Control-Request-Method": "POST"}
    answer = client.options("/gradio_api/queue/join", headers=asking)
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


def test_the_page_comes_whole_and_from_here_alone(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert text.START in page.text
    assert f"<title>{text.TITLE}</title>" in page.text
    assert f'content="{text.DESCRIPTION}"' in page.text
    assert "Gradio" not in re.sub(r"<script>.*?</script>", "", page.text, flags=re.DOTALL)
    linked = re.findall(r'(?:href|src)="(/[^"]*)"', page.text)
    assert sum(path.startswith("/style/joined.") for path in linked) == 2
    for path in linked:
        answer = client.get(path)
        assert answer.status_code == 200, path
        if path.startswith("/style/"):
            assert "immutable" in answer.headers["cache-control"]
        if "/fonts/" in path:
            assert answer.content[:4] == b"wOF2"
        elif path.endswith(".png"):
            assert answer.content[1:4] == b"PNG"
        elif path.startswith("/style/"):
            assert not re.search(r"https?:(?!//www\.w3\.org/2000/svg)", answer.text)


def test_a_phone_is_told_how_to_keep_the_page(client: TestClient) -> None:
    found = re.search(r'rel="manifest" href="([^"]*)"', client.get("/").text)
    assert found
    manifest = TestClient(client.app).get(found[1]).json()  # asked for without cookies
    assert manifest["name"] == text.TITLE and manifest["display"] == "standalone"
    assert {icon["sizes"] for icon in manifest["icons"]} == {"any", "192x192", "512x512"}
    assert client.get("/favicon.ico").content[1:4] == b"PNG"
    assert client.get("/manifest.json").status_code == 404  # Gradio's own
    for icon in manifest["icons"]:
        assert client.get(icon["src"]).headers["content-type"] == icon["type"]


def test_the_browsers_sentences_come_with_the_page(client: TestClient) -> None:
    page = client.get("/").text
    found = re.search(r'<script type="application/json" id="tp-text">(.*?)</script>', page)
    assert found and json.loads(found[1]) == build_words()
    assert json.loads(found[1])["hostile"] == HOSTILE["hostile"]
    assert "<" not in found[1]


def test_nobody_has_no_pulse(app: FastAPI, client: TestClient) -> None:
    mine = client.get("/pulse")
    assert mine.json()["version"]
    assert mine.headers["cache-control"] == "no-store"
    assert TestClient(app).get("/pulse").json() == {"version": ""}


def test_the_first_visit_and_all_that_follow_are_the_same_persons(real: tuple[str, Path]) -> None:
    address, data = real
    with Session(address) as visitor, Session(address) as other:
        secret = visitor.http.cookies[OWNER_COOKIE]
        assert text.NO_COOKIE not in visitor.act(do="refresh")
        before = visitor.pulse()
        visitor.act(do="set", field="prompt", value="A quiet room")
        owner = Owners(data).identify({OWNER_COOKIE: secret})
        assert "A quiet room" in (data / "desks" / str(owner) / "desk.json").read_text()
        assert visitor.pulse() != before
        visitor.http.get("/")
        assert visitor.http.cookies[OWNER_COOKIE] == secret
        assert other.http.cookies[OWNER_COOKIE] != secret
        assert "A quiet room" not in other.act(do="refresh")


def test_who_keeps_no_cookie_is_told_so(real: tuple[str, Path]) -> None:
    with Session(real[0]) as visitor:
        visitor.http.cookies.clear()
        assert text.NO_COOKIE in visitor.act(do="refresh")
        assert text.NO_COOKIE in visitor.act(do="edit", what="framing")


def test_no_answer_repeats_what_a_request_says_of_its_way(client: TestClient) -> None:
    names = ("X-Forwarded-Host", "X-Gradio-Server", "Forwarded", "X-Forwarded-Prefix")
    told = dict.fromkeys(names, "http://evil.test") | {"X-Forwarded-Proto": "https"}
    for path in ("/config", "/", "/theme.css", "/api"):
        answer = client.get(path, headers=told)
        assert "evil.test" not in answer.text + str(answer.headers), path
    assert client.get("/config", headers=told).json()["root"] == "http://testserver"


def test_an_upload_that_breaks_off_leaves_nothing(real: tuple[str, Path]) -> None:
    address, data = real
    owner = Owners(data).identify(MINE)
    folder = data / "uploads" / str(owner)
    place = urlparse(address)
    asked = (
        f"POST /upload?kind=voice HTTP/1.1\r\nHost: {place.netloc}\r\n{HEADER}: 1\r\n"
        f"Cookie: {OWNER_COOKIE}={MINE[OWNER_COOKIE]}\r\nContent-Length: 50000000\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(asked.encode() + bytes(1_000_000))
        _until(lambda: folder.is_dir() and any(path.stat().st_size for path in folder.iterdir()))
    _until(lambda: not list(folder.iterdir()))


def test_jobs_are_started_as_long_as_the_server_runs(real: tuple[str, Path], task: Task) -> None:
    jobs = JobStore(Settings(data=real[1]))
    folder = jobs.create("somebody")
    jobs.submit(Task(task.request, task.plan, folder))
    _until(lambda: jobs.read_state(folder) is State.FINISHED)


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} .* --port"):
            serve(Settings(data=tmp_path), "127.0.0.1", port, lambda: None)
    assert list(tmp_path.iterdir()) == []


def test_the_server_stops_although_a_page_is_open(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        held = http.client.HTTPConnection(urlparse(running.address).netloc)
        held.request("GET", "/gradio_api/heartbeat/some-page")
        assert held.getresponse().status == 200
    held.close()


def get_queue(app: FastAPI, client: TestClient) -> Any:
    """Gradio's queue of events."""
    client.get("/").raise_for_status()
    inner: list[Any] = [getattr(route, "app", None) for route in app.routes]
    (queue,) = (each.get_blocks()._queue for each in inner if hasattr(each, "get_blocks"))
    return queue


def test_a_server_without_visitors_rests(app: FastAPI, client: TestClient) -> None:
    """Gradio asks itself a thousand times a second whether there is something to do."""
    queue = get_queue(app, client)
    assert min(queue.sleep_when_free, queue.progress_update_sleep_when_free) >= 0.02


def test_files_that_wait_take_no_place_of_another_action(app: FastAPI, client: TestClient) -> None:
    """Gradio has one number of places for all events, of which 40 are usual."""
    assert get_queue(app, client).max_thread_count > decoding._MAX_ACTIONS + page._MAX_CONCURRENT
