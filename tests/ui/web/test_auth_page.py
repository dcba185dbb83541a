"""With a password nothing of the real page is to be had without it; without one nothing changes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from starlette.testclient import TestClient

from inference.core.settings import Settings, load_settings
from tests.support.routes import patterns
from tests.support.sign_in import SIGNED_OUT, give, said
from ui.access.identity import OWNER_COOKIE as SECRET
from ui.strings import text
from ui.views.sign_in import SIGN_IN
from ui.web.app import create_app

PASSWORD = "open sesame"
Build = Callable[[Settings], FastAPI]


@pytest.fixture(scope="module")
def build() -> Iterator[Build]:
    async def make(settings: Settings) -> FastAPI:
        return create_app(settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "put back after these tests")
        with start_blocking_portal() as portal:
            yield lambda settings: portal.call(make, settings)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def app(build: Build, data: Path) -> FastAPI:
    return build(Settings(data=data, password=PASSWORD))


def test_no_route_says_anything_to_a_stranger(app: FastAPI) -> None:
    stranger = TestClient(app, cookies={SECRET: "a" * 64})
    paths = {re.sub(r"\{[^}]*\}", "x", pattern) for pattern in patterns(app.routes)}
    paths |= {"/", "/media/desk/picture.jpg"}
    assert {"/pulse", "/upload", "/media/x/x", "/config", "/gradio_api/queue/data"} <= paths
    told: set[str] = set()
    for path in paths - {"/healthz", "/style/x", ""}:
        assert stranger.head(f"http://testserver{path}").status_code in (401, 404)
        for method in ("GET", "POST", "OPTIONS"):
            answer = stranger.request(method, f"http://testserver{path}")
            assert "Set-Cookie" not in answer.headers
            if answer.status_code == 404:  # is not open to anyone
                assert answer.text == "There is no such file.", path
                continue
            assert answer.status_code == 401, (method, path)
            told.add(path)
            if path == "/" and method == "GET":
                assert said(answer) == ""
            else:
                assert answer.json() == SIGNED_OUT
    assert {"/pulse", "/upload", "/media/x/x", "/config", "/gradio_api/queue/join"} <= told
    assert {"/gradio_api/queue/data", "/gradio_api/heartbeat/x", "/theme.css"} <= told
    assert stranger.get("/healthz").json() == {"status": "ok"}
    assert stranger.get("/style/sign_in.css").status_code == 200
    for path in ("/style/../config", "/style/%2e%2e/config", "/style/..%2f..%2fpulse"):
        assert stranger.get(f"http://testserver{path}").status_code in (401, 404), path


def test_with_it_the_page_is_as_ever(app: FastAPI) -> None:
    with TestClient(app) as me:
        assert give(me, PASSWORD).status_code == 303
        page = me.get("/")
        assert page.status_code == 200 and text.START in page.text
        assert SECRET in me.cookies
        assert me.get("/pulse").json()["version"]
        assert me.get("/config").json()["dependencies"]


def test_another_site_s_form_is_turned_away(app: FastAPI) -> None:
    for site in ("cross-site", "same-site"):
        answer = give(TestClient(app), PASSWORD, **{"Sec-Fetch-Site": site})
        assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_a_server_that_is_started_anew_knows_its_sessions(
    app: FastAPI, build: Build, data: Path
) -> None:
    me = TestClient(app)
    give(me, PASSWORD)
    for password, status in ((PASSWORD, 200), ("changed", 401)):
        again = TestClient(build(Settings(data=data, password=password)), cookies=me.cookies)
        assert again.get("/theme.css").status_code == status


def test_without_a_password_nothing_is_asked(build: Build, tmp_path: Path) -> None:
    anyone = TestClient(build(Settings(data=tmp_path)))
    assert anyone.get("/pulse").json() == {"version": ""}
    assert text.START in anyone.get("/").text
    assert anyone.get(SIGN_IN).status_code == give(anyone, PASSWORD).status_code == 404


def test_a_page_that_had_one_does_not_come_up_open_on_modal(build: Build, tmp_path: Path) -> None:
    """A shell that lacks it deploys anew: the folder of data, which stays, remembers."""

    def deployed(password: str) -> TestClient:
        given = load_settings({"PORTRAIT_PASSWORD": password, "MODAL_IS_REMOTE": "1"})
        return TestClient(build(replace(given, data=tmp_path)))

    with deployed("") as anyone:  # it never had one
        assert anyone.get("/").status_code == 200
    with deployed(PASSWORD) as stranger:
        assert stranger.get("/").status_code == 401
    with deployed("") as stranger:
        for path in ("/", "/pulse", "/config", "/api", "/sign-in"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.text) == (503, text.PASSWORD_FORGOTTEN)
        assert stranger.get("/healthz").status_code == 200
    for password in ("none", ""):  # that is remembered, too
        with deployed(password) as anyone:
            assert anyone.get("/").status_code == 200


def test_at_home_it_may_come_and_go(build: Build, tmp_path: Path) -> None:
    for password, status in ((PASSWORD, 401), (None, 200)):
        with TestClient(build(Settings(data=tmp_path, password=password))) as anyone:
            assert anyone.get("/").status_code == status
