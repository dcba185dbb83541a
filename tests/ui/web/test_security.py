"""Only what the page needs is open, to this site alone, and every answer is under its rules."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.web.security import SecurityMiddleware

OPEN = [
    "/",
    "/healthz",
    "/sign-in",
    "/pulse",
    "/upload",
    "/media/desk/picture.jpg",
    "/style/fonts/some.woff2",
    "/config",
    "/theme.css",
    "/assets/index.js",
    "/static/js/some.js",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/heartbeat/abc",
]
CLOSED = [
    "/gradio_api/upload",
    "/gradio_api/upload_progress",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file/etc/passwd",
    "/gradio_api/proxy=http://localhost",
    "/gradio_api/stream/abc",
    "/gradio_api/info",
    "/gradio_api/openapi.json",
    "/gradio_api/run/predict",
    "/gradio_api/call/predict",
    "/gradio_api/component_server",
    "/gradio_api/process_recording",
    "/gradio_api/queue/join/../../upload",
    "/gradio_api/heartbeat/abc/def",
    "/monitoring/summary",
    "/openapi.json",
    "/docs",
    "//gradio_api/upload",
    "/media/",
    "/anything",
]
FROM_ELSEWHERE = ["cross-site", "same-site", "none"]


@pytest.fixture
def client() -> TestClient:
    """In front of a server that would answer anything."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("inside", headers={"X-Frame-Options": "ALLOWALL"})

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    app.add_middleware(SecurityMiddleware)
    return TestClient(app)


@pytest.mark.parametrize("path", OPEN)
def test_what_the_page_needs_is_open(client: TestClient, path: str) -> None:
    assert client.get(path).text == "inside"


@pytest.mark.parametrize("path", CLOSED)
def test_nothing_else_is(client: TestClient, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
        answer = client.request(method, f"http://testserver{path}")
        assert answer.status_code == 404
        assert answer.text != "inside"


@pytest.mark.parametrize("site", FROM_ELSEWHERE)
def test_another_site_can_link_here_but_has_nothing_done(client: TestClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    assert client.get("/", headers=headers).text == "inside"
    assert client.post("/upload", headers=headers).status_code == 403
    assert client.post("/gradio_api/queue/join", headers=headers).status_code == 403
    assert client.post("/sign-in", headers=headers).status_code == 403
    assert client.post("/upload", headers={"Sec-Fetch-Site": "same-origin"}).text == "inside"
    assert client.post("/upload").text == "inside"  # browsers say nothing over plain http


@pytest.mark.parametrize("path", ["/", "/media/x/y", "/gradio_api/upload"])
def test_every_answer_is_under_the_rules(client: TestClient, path: str) -> None:
    rules = client.get(path).headers
    assert rules["x-content-type-options"] == "nosniff"
    assert rules["referrer-policy"] == "no-referrer"
    assert rules["x-frame-options"] == "DENY"
    assert rules["cross-origin-resource-policy"] == "same-origin"
    assert "camera=(self), microphone=(self)" in rules["permissions-policy"]
    policy = dict(part.split(" ", 1) for part in rules["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert not any("*" in sources or "//" in sources for sources in policy.values())
