"""The server gives out the few files the page shows, and nothing else of a job."""

import http.client
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from starlette.testclient import TestClient

from inference import jobs
from inference.errors import InputError
from inference.settings import Settings
from tests import media
from ui.server import create_app, serve

FILM = bytes(range(256)) * 40
SHOWN = ["crop.jpg", "result.mp4", "frames/latest.jpg", "windows/000.mp4", "windows/012.mp4"]
KEPT_BACK = [
    "picture.png",
    "voice-1.wav",
    "request.json",
    "plan.json",
    "events.jsonl",
    "worker.log",
    "upload",
    "windows/001.state.safetensors",
    "windows/0000.mp4",
    "frames/other.jpg",
    "",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    async def build() -> FastAPI:  # Gradio leaves an event loop open when it finds none running
        return create_app(Settings(data=data))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "put back after these tests")
        with start_blocking_portal() as portal:
            app = portal.call(build)
        with TestClient(app) as client:
            yield client


@pytest.fixture
def job(data: Path) -> str:
    folder = jobs.new_job(data)
    for name in filter(None, SHOWN + KEPT_BACK):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(FILM)
    return folder.name


def test_it_says_that_it_is_well(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("name", SHOWN)
def test_what_the_page_shows_is_given_out_and_not_stored(
    client: TestClient, job: str, name: str
) -> None:
    answer = client.get(f"/media/{job}/{name}")
    assert answer.status_code == 200
    assert answer.content == FILM
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == ("video/mp4" if "mp4" in name else "image/jpeg")


def test_a_film_can_be_read_in_parts(client: TestClient, job: str) -> None:
    answer = client.get(f"/media/{job}/result.mp4", headers={"Range": "bytes=100-199"})
    assert answer.status_code == 206
    assert answer.content == FILM[100:200]
    assert answer.headers["content-range"] == f"bytes 100-199/{len(FILM)}"
    assert client.head(f"/media/{job}/result.mp4").headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("name", KEPT_BACK)
def test_the_rest_of_a_job_is_kept_back(client: TestClient, job: str, name: str) -> None:
    answer = client.get(f"/media/{job}/{name}")
    assert answer.status_code == 404
    assert FILM not in answer.content


@pytest.mark.parametrize(
    "path",
    [
        "../{job}/crop.jpg",
        "%2e%2e/{job}/crop.jpg",
        "{job}/../{job}/picture.png",
        "{job}/%2e%2e/{job}/picture.png",
        "{job}/frames/..%2fpicture.png",
        "{job}/frames%2f..%2fpicture.png",
        "{job}%00/crop.jpg",
        "{job}/crop.jpg%00",
        "{upper}/crop.jpg",
        "{short}/crop.jpg",
        "./crop.jpg",
        "../../../../../../../../etc/passwd",
    ],
)
def test_no_way_around_leads_to_a_file(client: TestClient, job: str, path: str) -> None:
    way = path.format(job=job, upper=job.upper(), short=job[:8])
    answer = client.get(f"/media/{way}")
    assert answer.status_code == 404
    assert FILM not in answer.content


def test_a_job_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get(f"/media/{'0' * 32}/result.mp4").status_code == 404


def test_the_page_and_its_style_come_from_here_alone(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "Give a picture a voice" in page.text
    for name in ("studio.css", "gradio.css", "page.js", "icon.svg"):
        style = client.get(f"/style/{name}")
        assert style.status_code == 200
        assert "http:" not in style.text.replace("http://www.w3.org/2000/svg", "")
        assert "https:" not in style.text
    for font in ("bricolage-grotesque-latin.woff2", "hanken-grotesk-latin.woff2"):
        assert client.get(f"/style/fonts/{font}").content[:4] == b"wOF2"


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} .* --port"):
            serve(Settings(data=tmp_path), "127.0.0.1", port)
    assert list(tmp_path.iterdir()) == []


def test_the_server_stops_although_a_page_is_open(tmp_path: Path) -> None:
    with media.serve(tmp_path) as address, urllib.request.urlopen(f"{address}/healthz"):
        held = http.client.HTTPConnection(urlparse(address).netloc)
        held.request("GET", "/gradio_api/heartbeat/some-page")
        assert held.getresponse().status == 200
    held.close()
