"""A form becomes a job as planned, or one sentence that says what is wrong, with nothing left."""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.support.api_client import Server, error
from tests.support.bad_files import BAD_PICTURES, BAD_RECORDINGS, write_wav
from tests.support.media import ASTRONAUT, DRAWN_PAIR
from ui.api import intake

MIB = 2**20
JOBS = "/api/jobs"
Made = Callable[[Path], Path]


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_wav(tmp_path_factory.mktemp("voice") / "v.wav", 0.6, 0.1).read_bytes()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path, queue_per_person=2)


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with server.client() as client:  # all its requests have one event loop, as at a real server
        yield client


def send(client: TestClient, fields: dict[str, str], **files: bytes) -> Response:
    return client.post(JOBS, data=fields, files={name: ("../x", files[name]) for name in files})


def test_a_form_is_a_job_as_it_was_asked_for(
    server: Server, client: TestClient, voice: bytes
) -> None:
    fields = {"speaking": "in-turn", "shape": "square", "seed": "7", "trim": "0-1", "prompt": ""}
    fields |= {"permission": "stated"}
    files = {"audio2": voice, "image": DRAWN_PAIR.read_bytes(), "audio": voice}
    answer = send(client, fields, **files)
    assert answer.status_code == 202, answer.text
    seen = answer.json()
    (folder,) = server.left()
    assert answer.headers["location"] == seen["links"]["self"] == f"{JOBS}/{folder.name}"
    assert (seen["id"], seen["state"]) == (folder.name, "queued")
    plan, request = seen["plan"], json.loads((folder / "request.json").read_text())
    assert (plan["width"], plan["seed"], plan["quality"]) == (640, 7, "draft")
    assert (plan["recording_s"], len(plan["speakers"])) == (1.0, 2)
    assert (request["speaking"], request["prompt"]) == ("in-turn", "")
    assert seen["permission"] == request["permission"] == "stated"
    assert server.jobs.read_owner(folder) == server.owner
    kept = {path.name for path in folder.iterdir()}
    assert {"picture.png", "voice-1.wav", "voice-2.wav"} <= kept
    assert not [name for name in kept if name.startswith("given")]  # only clean copies


def test_the_same_key_gives_the_same_job(client: TestClient, server: Server, voice: bytes) -> None:
    files = {"image": ASTRONAUT.read_bytes(), "audio": voice}

    def ask(key: str) -> Response:
        client_files = {name: ("x", files[name]) for name in files}
        return client.post(JOBS, files=client_files, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(2) as both:  # one is told to wait for the other, or comes after it
        answers = [*both.map(ask, ["a", "a"])]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses in ([202, 409], [200, 202])
    (folder,) = server.left()
    again = ask("a")
    assert (again.status_code, again.json()["id"]) == (200, folder.name)
    server.job()
    full = ask("b")
    assert error(full) == (429, "queue_full") and "retry-after" in full.headers
    assert len(server.left()) == 2


@pytest.mark.holds("API", "two servers", "a key makes one job")
def test_the_same_key_gives_the_same_job_on_two_servers(tmp_path: Path, voice: bytes) -> None:
    servers = [Server(tmp_path) for _ in range(2)]
    sent = {"image": ("x", ASTRONAUT.read_bytes()), "audio": ("x", voice)}

    def ask(server: Server) -> Response:
        with server.client() as client:
            return client.post(JOBS, files=sent, headers={"Idempotency-Key": "a"})

    with ThreadPoolExecutor(2) as both:
        answers = [*both.map(ask, servers)]
    assert sorted(answer.status_code for answer in answers) in ([202, 409], [200, 202])
    (folder,) = servers[0].left()
    for server in servers:
        assert ask(server).json()["id"] == folder.name
    assert not list((tmp_path / "keys").iterdir())
    servers[0].jobs.delete(folder)  # the key goes with its job
    assert ask(servers[1]).status_code == 202


@pytest.mark.holds("API", "kill", "the same key can be sent again")
def test_a_request_that_was_killed_does_not_keep_its_key(tmp_path: Path, voice: bytes) -> None:
    server = Server(tmp_path)
    sent = {"image": ("x", ASTRONAUT.read_bytes()), "audio": ("x", voice)}
    key = hashlib.sha256(b"a").hexdigest()
    (tmp_path / "keys").mkdir()
    left = tmp_path / "keys" / hashlib.sha256(f"{server.owner} {key}".encode()).hexdigest()
    left.touch()
    (server.jobs.create(server.owner) / "idempotency-key").write_text(key)  # never submitted
    with server.client() as client:
        answer = client.post(JOBS, files=sent, headers={"Idempotency-Key": "a"})
    assert answer.status_code == 202 and not left.exists()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"speaking": "loudly"}, "speaking 'loudly'"),
        ({"shape": "round"}, "shape 'round'"),
        ({"trim": "4"}, "trim '4'"),
        ({"trim": "3-2"}, "The part 3-2 is empty"),
        ({"crop": "1,2"}, "crop '1,2'"),
        ({"seed": "many"}, "seed 'many'"),
        ({"steps": "1.5"}, "steps '1.5'"),
        ({"quality": "superb"}, "no quality 'superb'"),
        ({"colour": "red"}, "no field 'colour'"),
    ],
)
def test_a_wrong_field_is_said(
    server: Server, client: TestClient, voice: bytes, fields: dict[str, str], says: str
) -> None:
    answer = send(client, fields, image=b"not looked at", audio=voice)
    assert error(answer) == (400, "bad_option") and says in answer.json()["error"]["message"]
    assert server.left() == []


@pytest.mark.parametrize(
    ("files", "fields", "says"),
    [
        ({"audio": b"x"}, {}, "There is no image"),
        ({"image": b"x"}, {}, "There is no audio"),
        ({"image": b"x"}, {"audio": "voice.wav"}, "audio is no file"),
        ({"image": b"x", "audio": b"x", "movie": b"x"}, {}, "no field 'movie'"),
    ],
)
def test_a_file_that_is_missing_or_too_many_is_said(
    server: Server, client: TestClient, files: dict[str, bytes], fields: dict[str, str], says: str
) -> None:
    answer = send(client, fields, **files)
    assert error(answer) == (400, "bad_option") and says in answer.json()["error"]["message"]
    assert server.left() == []


def test_a_field_is_sent_once_and_is_short(server: Server, client: TestClient) -> None:
    twice: list[tuple[str, Any]] = [("image", ("a", b"x")), ("image", ("b", b"x"))]
    assert error(client.post(JOBS, files=twice)) == (400, "bad_option")
    long = send(client, {"prompt": "x" * 20_000}, image=b"x")
    assert error(long) == (413, "form_too_large")
    assert error(client.post(JOBS, json={"image": "x"})) == (415, "not_a_form")
    assert server.left() == []


@pytest.mark.parametrize(
    ("image", "audio", "expected"),
    [
        (BAD_PICTURES["text"], None, (415, "not_a_picture")),
        (BAD_PICTURES["faceless"], None, (400, "no_face")),
        (None, BAD_RECORDINGS["too short"], (400, "too_short")),
    ],
    ids=lambda given: given[2] if isinstance(given, tuple) and len(given) == 3 else None,
)
def test_a_bad_file_is_said(
    server: Server,
    client: TestClient,
    voice: bytes,
    tmp_path: Path,
    image: tuple[str, Made, str] | None,
    audio: tuple[str, Made, str] | None,
    expected: tuple[int, str],
) -> None:
    picture = image[1](tmp_path / image[0]) if image else ASTRONAUT
    sound = audio[1](tmp_path / audio[0]).read_bytes() if audio else voice
    answer = send(client, {}, image=picture.read_bytes(), audio=sound)
    assert error(answer) == expected
    assert server.left() == []


def test_a_quality_that_nobody_makes_here_is_refused(
    server: Server, client: TestClient, voice: bytes
) -> None:
    answer = send(client, {"quality": "fast"}, image=b"not looked at", audio=voice)
    assert error(answer) == (503, "engine_unavailable")
    assert server.left() == []


@pytest.mark.parametrize(
    ("errno", "expected"), [(28, (507, "disk_full")), (30, (500, "output_not_writable"))]
)
@pytest.mark.holds("API", "full disk", "one sentence; no job is left")
@pytest.mark.holds("API", "read-only", "one sentence; no job is left")
def test_a_disk_that_takes_nothing_is_said(
    server: Server,
    client: TestClient,
    voice: bytes,
    monkeypatch: pytest.MonkeyPatch,
    errno: int,
    expected: tuple[int, str],
) -> None:
    async def fail(chunk: bytes) -> int:
        raise OSError(errno, "it takes nothing")

    monkeypatch.setattr(anyio.AsyncFile, "write", lambda file, chunk: fail(chunk))
    answer = send(client, {}, image=ASTRONAUT.read_bytes(), audio=voice)
    assert error(answer) == expected
    assert str(server.settings.data) in answer.json()["error"]["message"]
    assert server.left() == []


def test_what_is_announced_as_too_large_is_not_read(server: Server, client: TestClient) -> None:
    announced = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(10**9)}
    assert error(client.post(JOBS, content=b"x", headers=announced)) == (413, "form_too_large")
    assert server.left() == []


def test_only_so_many_are_received_at_once(
    server: Server, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, released = Event(), Event()

    def look_at_disk(data: Path) -> None:
        reached.set()
        released.wait(10)

    monkeypatch.setattr(intake, "AT_ONCE", 1)
    monkeypatch.setattr(intake, "require_free_disk", look_at_disk)
    with ThreadPoolExecutor(1) as first:
        first.submit(send, client, {}, image=b"x")
        reached.wait()
        refused = send(client, {}, image=b"x")
        released.set()
    assert error(refused) == (429, "busy") and "retry-after" in refused.headers
    assert server.left() == []


def test_slow_ones_are_given_up(
    server: Server, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_PATIENCE_S", 0)
    assert error(send(client, {}, image=bytes(MIB))) == (408, "too_slow")
    assert server.left() == []
