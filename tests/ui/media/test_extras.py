"""A GIF and a still of a video are made for its owner alone, once, and in turn."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from inference.core.errors import InputCode, InputError
from inference.core.events import Cancelled, Event, Failed, Finished, Result
from inference.core.settings import Settings
from inference.core.task import DERIVED, GIF, RESULT, STILL
from inference.jobs.history import HistoryWriter
from inference.jobs.resume import prepare_restart, prepare_resume
from inference.jobs.store import JobStore
from inference.media.sandbox.runner import Call
from tests.support.scripted_engine import write_video
from ui.access.identity import OWNER_COOKIE, Owners
from ui.media import extras
from ui.media.decoding import DecodingQueue
from ui.media.serving import build_download_url
from ui.strings import text

MINE, YOURS = {OWNER_COOKIE: "a" * 64}, {OWNER_COOKIE: "b" * 64}
FINISHED = Finished(Result(RESULT, 5, 0.2, 64, 32, 25, "scripted", 1.0, None))


class CountingQueue(DecodingQueue):
    """Decoding queue that counts its calls; `refusal` is what they raise."""

    refusal: InputError | None = None

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def run(self, *calls: Call) -> list[dict[str, object]]:
        self.calls += 1
        if self.refusal:
            raise self.refusal
        return super().run(*calls)


class Server:
    """The routes for one folder of data with one job in it."""

    def __init__(self, data: Path, last: Event) -> None:
        owners, self.jobs = Owners(data), JobStore(Settings(data=data))
        self.decoding, self._app = CountingQueue(), FastAPI()
        self._app.include_router(extras.create_router(self.jobs, owners, self.decoding))
        self.folder = self.jobs.create(owners.identify(MINE) or "")
        write_video(self.folder / RESULT, 5)
        HistoryWriter(self.folder).append(last)

    def browser(self, cookies: dict[str, str] = MINE) -> TestClient:
        return TestClient(self._app, cookies=cookies)

    def address(self, name: str) -> str:
        return build_download_url(self.folder.name, name)


def test_each_is_made_once_and_goes_with_the_job(tmp_path: Path) -> None:
    server = Server(tmp_path, FINISHED)
    with server.browser() as me, ThreadPoolExecutor(3) as threads:
        gifs = list(threads.map(me.get, [server.address(GIF)] * 3))
        still = me.get(server.address(STILL))
        heads = [me.head(server.address(name)).status_code for name in DERIVED]
    assert {gif.content for gif in gifs} == {(server.folder / GIF).read_bytes()}
    assert gifs[0].content[:6] == b"GIF89a" and gifs[0].headers["content-type"] == "image/gif"
    assert 'filename="talking-portrait.gif"' in gifs[0].headers["content-disposition"]
    assert still.content[:2] == b"\xff\xd8" and still.headers["content-type"] == "image/jpeg"
    assert heads == [200, 200] and server.decoding.calls == 2
    server.jobs.delete(server.folder)
    assert server.browser().get(server.address(GIF)).status_code == 404


@pytest.mark.parametrize("cookies", [YOURS, {}])
@pytest.mark.parametrize("name", DERIVED)
def test_nobody_else_gets_them_or_has_them_made(
    tmp_path: Path, cookies: dict[str, str], name: str
) -> None:
    server = Server(tmp_path, FINISHED)
    (server.folder / name).write_bytes(b"mine")
    asked = server.browser(cookies).get(server.address(name))
    assert (asked.status_code, asked.text) == (404, "There is no such file.")
    (server.folder / name).unlink()
    assert server.browser(cookies).get(server.address(name)).status_code == 404
    assert server.decoding.calls == 0


def test_what_can_not_be_made_is_a_sentence(tmp_path: Path) -> None:
    server = Server(tmp_path, FINISHED)
    long = "This video is 61 s long; a GIF can be up to 60 s. Choose a shorter part to use."
    for code, message, told in (
        (InputCode.TOO_LONG, long, long),
        (InputCode.BAD_OPTION, "This video takes too long to open.", text.FILE_NOT_MADE),
    ):
        server.decoding.refusal = InputError(code, message)
        answer = server.browser().get(server.address(GIF))
        assert (answer.status_code, answer.text) == (409, told)
        assert answer.headers["cache-control"] == "no-store"
    assert not (server.folder / GIF).exists()


def test_nothing_is_made_of_a_video_that_is_not_there_or_may_change(tmp_path: Path) -> None:
    server = Server(tmp_path, Failed("internal", "It broke."))
    assert server.browser().get(server.address(GIF)).status_code == 404
    HistoryWriter(server.folder).append(FINISHED)
    (server.folder / RESULT).unlink()
    assert server.browser().get(server.address(STILL)).status_code == 404
    assert server.decoding.calls == 0


@pytest.mark.parametrize("again", [prepare_resume, prepare_restart])
def test_what_was_made_of_a_stopped_video_goes_when_it_goes_on(
    tmp_path: Path, again: object
) -> None:
    server = Server(tmp_path, Cancelled(5, RESULT))
    for name in DERIVED:
        (server.folder / name).write_bytes(b"of the part that was kept")
    assert callable(again)
    again(server.folder)
    assert not any((server.folder / name).exists() for name in DERIVED)
