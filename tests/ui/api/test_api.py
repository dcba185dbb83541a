"""The HTTP API is closed without its token, guessing that takes for ever, and nobody else waits."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.api_client import TOKEN, Server, bearer, error
from tests.support.clocks import Clock
from ui.access.identity import OWNER_COOKIE, Owners
from ui.access.rate_limiter import BURST, FREE_FAILURES, RateLimiter
from ui.api.door import Api, Door
from ui.strings import text
from ui.web.auth import PasswordAuth, SignInSessions
from ui.web.forwarding import Forwarding
from ui.web.security import SecurityMiddleware

WRONG = ["x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "密码", "x" * 10_000]
UNSAID: list[dict[str, str]] = [
    {},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": "Bearer "},
    {"Cookie": f"{OWNER_COOKIE}={TOKEN}"},
]


def place(number: int) -> dict[str, str]:
    """The header of somebody at one of many addresses."""
    return {"X-Forwarded-For": f"93.184.{number // 250}.{number % 250}"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> TestClient:
    """In front of a page with a password, and of an API, that would answer anything."""

    async def inside(request: Request) -> PlainTextResponse:
        return PlainTextResponse("inside")

    routes = [Route("/{path:path}", inside, methods=["GET", "POST", "DELETE"])]
    app, owners = Starlette(routes=routes), Owners(tmp_path)
    sessions = SignInSessions("sesame", owners.sign)
    app.add_middleware(PasswordAuth, sessions=sessions, clock=clock)
    app.add_middleware(Api, door=Door(Starlette(routes=routes), TOKEN, RateLimiter(clock)))
    app.add_middleware(SecurityMiddleware)
    app.add_middleware(Forwarding, proxies=["127.0.0.1"])
    return TestClient(app, client=("127.0.0.1", 4711))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_token_opens_the_api_and_nothing_else(client: TestClient, method: str) -> None:
    for path in ("/api", "/api/jobs", "/api/anything"):
        assert client.request(method, path, headers=bearer()).text == "inside"
    assert client.get("/api/x", headers={"Authorization": f"bEARER  {TOKEN}"}).text == "inside"
    page = client.get("/media/x", headers=bearer())
    assert (page.status_code, page.json()) == (401, {"message": text.SIGNED_OUT})


@pytest.mark.parametrize("token", WRONG)
def test_a_wrong_token_is_turned_away(client: TestClient, token: str) -> None:
    answer = client.get("/api/jobs", headers=[(b"Authorization", f"Bearer {token}".encode())])
    assert error(answer) == (401, "wrong_token")
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert client.get("/api/jobs", headers=bearer()).text == "inside"


def test_none_is_no_guess_and_only_the_explanation_is_open(client: TestClient) -> None:
    for headers in UNSAID * FREE_FAILURES:
        answer = client.post("/api/jobs", headers=headers)
        assert error(answer) == (401, "no_token")
        assert "www-authenticate" in answer.headers
    assert client.get("/api").text == "inside"


def test_a_token_may_have_any_letters(tmp_path: Path) -> None:
    client = Server(tmp_path, "żółć").client({})
    headers = [(b"Authorization", "Bearer żółć".encode())]
    assert client.get("/api/jobs", headers=headers).json() == {"jobs": []}


def test_guessing_takes_longer_and_longer(client: TestClient, clock: Clock) -> None:
    me = bearer("x") | place(1)
    for _ in range(FREE_FAILURES):
        assert client.get("/api/x", headers=me).status_code == 401
    for wait_s in (2, 4, 8):
        refused = client.get("/api/x", headers=bearer() | place(1))
        assert error(refused) == (429, "too_many_tries")
        assert refused.headers["retry-after"] == str(wait_s)
        clock.now_s += wait_s
        assert client.get("/api/x", headers=me).status_code == 401
    clock.now_s += 16
    assert client.get("/api/x", headers=bearer() | place(1)).text == "inside"


def test_who_has_shown_it_does_not_wait_for_others_guesses(client: TestClient) -> None:
    mine = bearer() | place(1)
    assert client.get("/api/x", headers=mine).text == "inside"
    for number in range(BURST):
        client.get("/api/x", headers=bearer("x") | place(10 + number))
    assert client.get("/api/x", headers=bearer() | place(2)).text == "inside"
    assert client.get("/api/x", headers=mine).text == "inside"
    for _ in range(FREE_FAILURES):  # somebody beside me
        client.get("/api/x", headers=bearer("x") | place(1))
    assert client.get("/api/x", headers=mine).status_code == 429


def test_without_a_token_in_the_settings_there_is_no_api(tmp_path: Path) -> None:
    client = Server(tmp_path, token=None).client()
    for method, path in [("GET", "/api"), ("POST", "/api/jobs"), ("GET", "/api/jobs/x/events")]:
        assert error(client.request(method, path)) == (404, "no_api")


def test_another_sites_page_is_not_let_in(client: TestClient) -> None:
    elsewhere = {"Origin": "https://elsewhere.test", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/jobs", headers=bearer() | elsewhere).status_code == 403
    asked = elsewhere | {"Access-Control-Request-Method": "POST"}
    for answer in (
        client.options("/api/jobs", headers=asked),
        client.get("/api/jobs", headers=bearer() | elsewhere),
    ):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
