"""Behind the password nothing is to be had without it, and guessing it takes for ever."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import anyio
import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from inference.core.settings import Settings
from inference.jobs.store import JobStore
from tests.support.clocks import Clock
from tests.support.sign_in import SIGNED_OUT, give, said
from ui.access.identity import KEY_FILE, Owners
from ui.access.rate_limiter import BURST, FREE_FAILURES, MAX_WAIT_S, REFILL_S
from ui.api.door import door
from ui.strings import text
from ui.views.sign_in import FIELD, SIGN_IN
from ui.web.app import _add_middleware
from ui.web.auth import (
    MAX_FORM_BYTES,
    SESSION_COOKIE,
    SESSION_MAX_AGE_S,
    PasswordAuth,
    SignInSessions,
)
from ui.web.forwarding import Forwarding

PROXY = "127.0.0.1"  # where all visitors come from
PASSWORD = "Zwölf Boxkämpfer & 100 % + =;"
WRONG = [
    "",
    " ",
    PASSWORD.lower(),
    PASSWORD + " ",
    PASSWORD[:-1],
    "x" * (MAX_FORM_BYTES - 20),
    "密码",
    "\0",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin1"),
]
Visitor = Callable[..., TestClient]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visitor(tmp_path: Path, clock: Clock) -> Visitor:
    """Makes browsers, all at one server that would answer anything."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("inside")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    routes = [
        WebSocketRoute("/{path:path}", talk),
        Route("/{path:path}", answer, methods=["GET", "POST", "PUT"]),
    ]
    app = Starlette(routes=routes)
    sessions = SignInSessions(PASSWORD, Owners(tmp_path).sign, clock)
    app.add_middleware(PasswordAuth, sessions=sessions, clock=clock)
    app.add_middleware(Forwarding, proxies=[PROXY])

    def browser(scheme: str = "http", **cookies: str) -> TestClient:
        return TestClient(app, f"{scheme}://portrait.test", cookies=cookies, client=(PROXY, 4711))

    return browser


def test_the_right_password_opens_the_page(visitor: Visitor) -> None:
    me = visitor()
    asked = me.get("/")
    assert asked.status_code == 401 and said(asked) == ""
    assert asked.headers["cache-control"] == "no-store"
    entered = give(me, PASSWORD)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    for method, path in (("GET", "/"), ("HEAD", "/media/x"), ("POST", "/upload"), ("PUT", "/a")):
        assert me.request(method, path).status_code == 200
    with me.websocket_connect("ws://portrait.test/live"):
        pass
    assert visitor().get("/").status_code == 401


def test_what_strangers_send_is_not_read(tmp_path: Path) -> None:
    settings = Settings(tmp_path, password=PASSWORD, api_token="token")
    app, owners, answers = FastAPI(), Owners(tmp_path), []
    _add_middleware(app, settings, owners, door(settings, JobStore(settings), owners))

    async def refuse() -> Message:
        raise AssertionError("it is read")

    async def keep(message: Message) -> None:
        answers.append(message.get("status"))

    for path in ("/", "/gradio_api/queue/join", "/api/jobs"):
        headers = [(b"content-length", b"1000000")]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        anyio.run(app, scope | {"http_version": "1.1", "query_string": b""}, refuse, keep)
    assert list(filter(None, answers)) == [401, 401, 401]


def test_accents_may_be_written_either_way(visitor: Visitor) -> None:
    assert give(visitor(), PASSWORD.replace("ö", "o\u0308")).status_code == 303


@pytest.mark.parametrize("password", WRONG)
def test_a_wrong_one_is_one_sentence(visitor: Visitor, password: str) -> None:
    me = visitor()
    answer = give(me, password)
    assert answer.status_code == 401
    assert said(answer) == text.PASSWORD_WRONG
    assert "set-cookie" not in answer.headers
    assert me.get("/").status_code == 401
    assert give(me, PASSWORD).status_code == 303


def test_what_is_no_form_of_ours_is_answered_politely_and_is_no_try(visitor: Visitor) -> None:
    me = visitor()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    def send(body: bytes | Iterator[bytes], **headers: str) -> Response:
        return me.post(SIGN_IN, content=body, headers=headers)

    whole = urlencode({FIELD: PASSWORD}).encode()
    for _ in range(FREE_FAILURES + 1):
        assert said(send(whole)) == text.PASSWORD_LOST
        sent = send(json.dumps({FIELD: PASSWORD}).encode(), **{"Content-Type": "application/json"})
        assert (sent.status_code, said(sent)) == (415, text.PASSWORD_LOST)
        sent = me.post(SIGN_IN, files={FIELD: b"x"})
        assert sent.status_code == 415
        sent = send(whole + b"&" + bytes(MAX_FORM_BYTES), **kind)
        assert (sent.status_code, said(sent)) == (413, text.PASSWORD_TOO_LONG)
        sent = send(iter([whole, *[bytes(1000)] * 10]), **kind)  # of unsaid length
        assert sent.status_code == 413
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            sent = me.request(method, SIGN_IN, follow_redirects=False)
            assert (sent.status_code, sent.headers["location"]) == (303, "/")
    for odd in (b"", b"&&=&", b"other=1", b"\xff\xfe=%ff"):
        assert send(odd, **kind).status_code in (401, 429)
    polite = {"Content-Type": "Application/X-WWW-Form-URLencoded ; charset=utf-8"}
    assert visitor().post(SIGN_IN, content=whole, headers=polite).status_code == 429  # same address


def test_without_it_nobody_gets_further(visitor: Visitor) -> None:
    stranger = visitor()
    for path in ("/pulse", "/media/x", "/config", "/style", "/style/", "/healthz/", "//"):
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            answer = stranger.request(method, f"http://portrait.test{path}")
            assert (answer.status_code, answer.json()) == (401, SIGNED_OUT)
            assert answer.headers["cache-control"] == "no-store"
        assert stranger.head(f"http://portrait.test{path}").status_code == 401
    assert stranger.post("/").json() == SIGNED_OUT
    with pytest.raises(WebSocketDisconnect), stranger.websocket_connect("/live"):
        raise AssertionError("it is open")
    for path in ("/healthz", "/style/page.css", "/style/fonts/some.woff2"):
        assert stranger.get(path).text == "inside"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_scripts_and_other_sites_do_not_get_the_session(visitor: Visitor, scheme: str) -> None:
    cookie, *rules = give(visitor(scheme), PASSWORD).headers["set-cookie"].split("; ")
    assert re.fullmatch(rf"{SESSION_COOKIE}=[0-9]+\.[0-9a-f]{{64}}", cookie)
    wanted = {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={365 * 86400}"}
    assert set(rules) == wanted | ({"Secure"} if scheme == "https" else set())


def test_a_session_ends_after_a_month(visitor: Visitor, clock: Clock) -> None:
    me = visitor()
    give(me, PASSWORD)
    kept = visitor(
        **{SESSION_COOKIE: me.cookies[SESSION_COOKIE]}
    )  # a browser that keeps what it should not
    clock.now_s += SESSION_MAX_AGE_S - 1
    assert kept.get("/").status_code == 200
    clock.now_s += 1
    assert kept.get("/").status_code == 401
    assert give(me, PASSWORD).status_code == 303 and me.get("/").status_code == 200


def test_a_session_of_a_clock_that_was_ahead_ends_when_that_is_set_right(
    visitor: Visitor, tmp_path: Path, clock: Clock
) -> None:
    sessions = SignInSessions(PASSWORD, Owners(tmp_path).sign, clock)
    clock.now_s += 365 * 24 * 3600
    made = sessions.create()
    assert sessions.is_valid(made)
    clock.now_s -= 365 * 24 * 3600
    assert not sessions.is_valid(made)


def test_a_session_can_t_be_made_up(visitor: Visitor, tmp_path: Path, clock: Clock) -> None:
    me = visitor()
    give(me, PASSWORD)
    end, _, seal = me.cookies[SESSION_COOKIE].partition(".")
    key = (tmp_path / KEY_FILE).read_bytes()
    other = hmac.new(key, end.encode(), hashlib.sha256).hexdigest()
    made_up = ["", ".", end, seal, f"{int(end) + 1}.{seal}", f"{end}.{seal[:-1]}", f"{end}.{other}"]
    made_up += [f"{end}.{seal.upper()}", f"0{end}.{seal}", f"-{end}.{seal}", f"{end}.{'0' * 64}"]
    made_up += [f"{end}.{seal}0", f"{end}.{seal}.{seal}", "9" * 5000 + f".{seal}", f"²{end}.{seal}"]
    for session in made_up:
        answer = visitor().get("/", headers={b"Cookie": f"{SESSION_COOKIE}={session}".encode()})
        assert answer.status_code == 401, session
    assert me.get("/").status_code == 200


def test_sessions_outlive_the_server_but_not_their_password(tmp_path: Path, clock: Clock) -> None:
    def started(password: str, data: str = "data") -> SignInSessions:
        return SignInSessions(password, Owners(tmp_path / data).sign, clock)

    session = started(PASSWORD).create()
    assert started(PASSWORD).is_valid(session)
    assert not started("another").is_valid(session)
    assert not started(PASSWORD, "elsewhere").is_valid(session)
    assert started("p\udcff").is_valid(
        started("p\udcff").create()
    )  # no text: bytes of the environment


def test_guessing_is_slowed_down_for_one_address(visitor: Visitor, clock: Clock) -> None:
    here, there = {"X-Forwarded-For": "8.8.8.8"}, {"X-Forwarded-For": "9.9.9.9"}
    me = visitor()
    assert [said(give(me, "no", **here)) for _ in range(FREE_FAILURES)] == [
        *[text.PASSWORD_WRONG] * (FREE_FAILURES - 1),
        text.PASSWORD_WRONG_WAIT.format(seconds=2),
    ]
    for _ in range(10):  # too early, right or wrong
        refused = give(me, PASSWORD, **here)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert said(refused) == text.PASSWORD_TRIES.format(seconds=2)
    assert give(visitor(), "no", **there).status_code == 401
    clock.now_s += 2
    assert said(give(me, "no", **here)) == text.PASSWORD_WRONG_WAIT.format(seconds=4)
    clock.now_s += 4
    assert give(me, PASSWORD, **here).status_code == 303
    assert said(give(me, "no", **here)) == text.PASSWORD_WRONG


def test_an_address_never_waits_longer_than_five_minutes(visitor: Visitor, clock: Clock) -> None:
    me = visitor()
    for _ in range(12):
        give(me, "no")
        clock.now_s += MAX_WAIT_S
    assert give(me, "no").status_code == 401
    assert give(me, "no").headers["retry-after"] == str(MAX_WAIT_S)


def test_many_addresses_guess_no_faster_and_keep_nobody_out(visitor: Visitor, clock: Clock) -> None:
    """People sign in, one after another, while strangers guess all the time."""
    signed_in, guesser = visitor(), visitor()
    give(signed_in, PASSWORD)
    guessed = 0
    for person in range(6):
        for number in range(BURST):
            guess = give(guesser, "no", **{"X-Forwarded-For": f"8.8.8.{number}"})
            guessed += guess.status_code == 401
        here = {"X-Forwarded-For": f"9.9.9.{person}"}
        assert said(give(visitor(), "mistyped", **here)) == text.PASSWORD_WRONG
        assert give(visitor(), PASSWORD, **here).status_code == 303
        clock.now_s += REFILL_S
    assert signed_in.get("/").status_code == 200
    assert guessed <= FREE_FAILURES * BURST + 6, "then one in six seconds"


def test_whoever_was_signed_in_before_shares_no_wait_with_those_at_the_same_address(
    visitor: Visitor, clock: Clock
) -> None:
    me = visitor()
    give(me, PASSWORD)
    clock.now_s += SESSION_MAX_AGE_S
    for _ in range(FREE_FAILURES):
        give(visitor(), "no")
    assert give(visitor(), PASSWORD).status_code == 429
    assert give(visitor(**{SESSION_COOKIE: "1.2"}), PASSWORD).status_code == 429
    assert me.get("/").status_code == 401
    for _ in range(FREE_FAILURES):
        wrong = give(me, "no")
    assert said(wrong) == text.PASSWORD_WRONG_WAIT.format(seconds=2)
    clock.now_s += 2
    assert give(me, PASSWORD).status_code == 303
