"""A browser is given the media of its own jobs and its own desk, and nothing else."""

import os
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from inference.core.settings import Settings
from inference.core.task import (
    PICTURE,
    PREVIEW,
    RESULT,
    partial_video_name,
    segment_name,
    voice_name,
)
from inference.jobs.store import JobStore
from ui.access.identity import OWNER_COOKIE, Owners
from ui.media import serving, titles
from ui.media.subtitles import SUBTITLES

FILM = bytes(range(256)) * 40
MINE, YOURS = {OWNER_COOKIE: "a" * 64}, {OWNER_COOKIE: "b" * 64}
HEX = "0123456789abcdef" * 2
SHOWN = [serving.CROP, RESULT, PREVIEW, segment_name(0), segment_name(12), partial_video_name(3)]
SHOWN += [SUBTITLES]
KEPT_BACK = [
    PICTURE,
    voice_name(0),
    "request.json",
    "plan.json",
    "events.jsonl",
    "worker.log",
    "owner",
    "desk/desk.json",
    "windows/001.state.safetensors",
    "windows/0000.mp4",
    "windows/٠٠٠.mp4",
    "growing/000.part.mp4",
    "frames/other.jpg",
    "",
]
ON_DESK = [f"picture-{HEX}.jpg", f"crop-{HEX}.jpg", f"voice-{HEX}.wav"]
OFF_DESK = ["desk.json", f"picture-{HEX}.png", f"picture-{HEX[1:]}.jpg", f"voice-{HEX}.jpg", HEX]
TYPES = {".jpg": "image/jpeg", ".mp4": "video/mp4", ".wav": "audio/wav"}
TYPES |= {".srt": "application/x-subrip"}


class Server:
    """The media's routes for one folder of data, where nobody may get more than is theirs."""

    def __init__(self, data: Path) -> None:
        self.data, self.owners, self.jobs = data, Owners(data), JobStore(Settings(data=data))
        self._app = FastAPI()
        self._app.include_router(serving.create_router(data, self.jobs, self.owners))

    def browser(self, cookies: dict[str, str]) -> TestClient:
        return TestClient(self._app, cookies=cookies)

    def owner(self, cookies: dict[str, str]) -> str:
        owner = self.owners.identify(cookies)
        assert owner
        return owner

    def job(self, cookies: dict[str, str]) -> str:
        """A job with everything in it."""
        folder = self.jobs.create(self.owner(cookies))
        for name in [*SHOWN, *KEPT_BACK]:
            if name and name != "owner":
                _write(folder / name)
        return folder.name

    def lay_on_desk(self, cookies: dict[str, str]) -> None:
        for name in ON_DESK + OFF_DESK:
            _write(self.data / "desks" / self.owner(cookies) / name)


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(FILM)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.fixture
def me(server: Server) -> TestClient:
    return server.browser(MINE)


def gets_nothing(browser: TestClient, address: str, headers: dict[str, str] | None = None) -> bool:
    """Whether the answer is the one to all that is not there, or not theirs."""
    answer = browser.get(address, headers=headers)
    head = browser.head(address, headers=headers)
    expected = 404, "text/plain; charset=utf-8", "22"
    told = [
        (a.status_code, a.headers["content-type"], a.headers["content-length"])
        for a in (answer, head)
    ]
    return told == [expected, expected] and answer.text == "There is no such file."


@pytest.mark.parametrize("name", SHOWN)
def test_what_the_page_shows_of_a_job_goes_to_its_owner(
    server: Server, me: TestClient, name: str
) -> None:
    answer = me.get(serving.build_media_url(server.job(MINE), name))
    assert answer.status_code == 200
    assert answer.content == FILM
    assert answer.headers["content-type"] == TYPES[Path(name).suffix]
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize("name", ON_DESK)
def test_what_lies_on_a_desk_goes_to_its_owner(server: Server, me: TestClient, name: str) -> None:
    server.lay_on_desk(MINE)
    answer = me.get(serving.build_session_url(name))
    assert answer.content == FILM
    assert answer.headers["content-type"] == TYPES[Path(name).suffix]
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("name", KEPT_BACK)
def test_the_rest_of_a_job_is_kept_back(server: Server, me: TestClient, name: str) -> None:
    assert gets_nothing(me, serving.build_media_url(server.job(MINE), name))


@pytest.mark.parametrize("name", OFF_DESK)
def test_the_rest_of_a_desk_is_kept_back(server: Server, me: TestClient, name: str) -> None:
    server.lay_on_desk(MINE)
    assert gets_nothing(me, serving.build_session_url(name))


@pytest.mark.parametrize(
    "cookies", [YOURS, {}, {OWNER_COOKIE: "nonsense"}, {OWNER_COOKIE: "A" * 64}]
)
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}])
def test_nobody_else_gets_any_of_it(
    server: Server, cookies: dict[str, str], headers: dict[str, str]
) -> None:
    job, other = server.job(MINE), server.browser(cookies)
    server.lay_on_desk(MINE)
    addresses = [serving.build_media_url(job, name) for name in SHOWN] + [
        serving.build_download_url(job)
    ]
    for address in addresses + [serving.build_session_url(name) for name in ON_DESK]:
        assert gets_nothing(other, address, headers)


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
        "desk/..%2f..%2fjobs%2f{job}%2fpicture.png",
        "desk/../../secret",
        "./crop.jpg",
        "../../../../../../../../etc/passwd",
        "00000000000000000000000000000000/crop.jpg",
    ],
)
def test_no_way_around_leads_to_a_file(server: Server, me: TestClient, path: str) -> None:
    job = server.job(MINE)
    answer = me.get(f"/media/{path.format(job=job, upper=job.upper(), short=job[:8])}")
    assert answer.status_code == 404
    assert FILM not in answer.content


def test_a_deleted_job_is_gone(server: Server, me: TestClient) -> None:
    job = server.job(MINE)
    folder = server.jobs.find_folder(job)
    assert folder
    server.jobs.delete(folder)
    assert gets_nothing(me, serving.build_media_url(job, RESULT))


def test_a_file_that_is_not_there_yet_is_not_found(server: Server, me: TestClient) -> None:
    job = server.jobs.create(server.owner(MINE)).name
    assert gets_nothing(me, serving.build_media_url(job, RESULT))
    assert gets_nothing(me, serving.build_session_url(ON_DESK[0]))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("100-199", 100, 200), ("100-", 100, len(FILM)), ("-50", len(FILM) - 50, len(FILM))],
)
def test_a_film_can_be_read_in_parts(
    server: Server, me: TestClient, asked: str, start: int, end: int
) -> None:
    answer = me.get(
        serving.build_media_url(server.job(MINE), RESULT), headers={"Range": f"bytes={asked}"}
    )
    assert answer.status_code == 206
    assert answer.content == FILM[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(FILM)}"


def test_parts_beyond_the_end_are_refused(server: Server, me: TestClient) -> None:
    film = serving.build_media_url(server.job(MINE), RESULT)
    answer = me.get(film, headers={"Range": f"bytes={len(FILM)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(FILM)}"


def test_parts_of_one_film_are_never_joined_with_those_of_another(
    server: Server, me: TestClient
) -> None:
    job = server.job(MINE)
    film, folder = serving.build_media_url(job, RESULT), server.jobs.find_folder(job)
    assert folder
    mark = me.head(film).headers["etag"]
    part = {"Range": "bytes=0-9", "If-Range": mark}
    assert me.get(film, headers=part).status_code == 206
    (folder / RESULT).write_bytes(FILM[::-1])
    os.utime(folder / RESULT, (1, 1))
    changed = me.get(film, headers=part)
    assert (changed.status_code, changed.content) == (200, FILM[::-1])


def test_what_a_browser_has_is_not_sent_again_until_it_changes(
    server: Server, me: TestClient
) -> None:
    job = server.job(MINE)
    film, folder = serving.build_media_url(job, RESULT), server.jobs.find_folder(job)
    assert folder
    has = {"If-None-Match": me.get(film).headers["etag"]}
    same = me.get(film, headers=has)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["cache-control"] == "private, no-cache"
    os.utime(folder / RESULT, (1, 1))
    assert me.get(film, headers=has).content == FILM


def test_asking_for_the_head_tells_what_would_come(server: Server, me: TestClient) -> None:
    answer = me.head(serving.build_media_url(server.job(MINE), RESULT))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(FILM))
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("title", "plain", "whole"),
    [
        ("", "talking-portrait.mp4", "talking-portrait.mp4"),
        ("Ada - voice a", "Ada - voice a.mp4", "Ada%20-%20voice%20a.mp4"),
        ('Å "100%"\r\nx: y', "_ 100_ x y.mp4", "%C3%85%20100%25%20x%20y.mp4"),
    ],
)
def test_a_download_is_saved_under_its_own_name(
    server: Server, me: TestClient, title: str, plain: str, whole: str
) -> None:
    job = server.job(MINE)
    folder = server.jobs.find_folder(job)
    assert folder
    (folder / titles.TITLE).write_text(title)
    answer = me.get(serving.build_download_url(job))
    assert answer.content == FILM
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
    assert answer.headers["content-disposition"] == named
