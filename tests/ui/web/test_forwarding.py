"""A request is believed neither the name that it was sent to nor the addresses that it tells."""

import logging
from collections.abc import Sequence

import pytest
from httpx2 import Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.access.identity import OwnerCookie
from ui.strings import server_text
from ui.web.forwarding import Forwarding, HostGuard, build_names

TOLD = {
    "X-Forwarded-For": "9.9.9.9, 8.8.8.8, 10.0.0.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.test",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=9.9.9.9;host=evil.test",
    "X-Real-IP": "9.9.9.9",
    "X-Gradio-Server": "https://evil.test",
}


async def tell(request: Request) -> JSONResponse:
    """Say what an application behind the middleware sees."""
    assert request.client
    return JSONResponse([request.client.host, request.url.scheme, dict(request.headers)])


def asked(host: str, bind: str, hosts: tuple[str, ...] = ()) -> Response:
    """The answer under a name of a server that listens at `bind`."""
    app = Starlette(routes=[Route("/{path:path}", tell)])
    names = build_names(bind, hosts)
    guarded = HostGuard(app, names) if names else app
    return TestClient(guarded).get("/healthz", headers={"Host": host})


OWN = ["localhost", "LOCALHOST:7860", "localhost.", "127.0.0.1:80", "127.1.2.3", "[::1]:7860"]
FOREIGN = ["evil.test", "evil.test:7860", "localhost.evil.test", "127.0.0.1.evil.test", "8.8.8.8"]
FOREIGN += ["", "[::1", "evil@localhost", "[8.8.8.8]", "localhost evil.test", "0.0.0.0", "x" * 9999]


@pytest.mark.parametrize("bind", ["127.0.0.1", "localhost", "::1"])
def test_a_page_for_this_machine_has_no_other_name(bind: str) -> None:
    """Another site's name that leads here (DNS rebinding) is not this page's."""
    for host in OWN:
        assert asked(host, bind).status_code == 200, host
    for host in FOREIGN:
        refused = asked(host, bind)
        assert (refused.status_code, refused.text) == (421, server_text.WRONG_HOST), host


def test_other_names_are_those_of_the_settings() -> None:
    hosts = ("portrait.example.org", "*.lan")
    for bind in ("127.0.0.1", "0.0.0.0"):
        for host in ("Portrait.example.org:443", "a.lan", "a.b.lan:1", *OWN):
            assert asked(host, bind, hosts).status_code == 200, host
        for host in ("example.org", "x.portrait.example.org", "lan", "a.lan.evil.test"):
            assert asked(host, bind, hosts).status_code == 421, host
    for bind, named in (("0.0.0.0", ("fd00:0::5",)), ("fd00:0::5", hosts)):
        assert asked("[FD00::5]:7860", bind, named).status_code == 200
        assert asked("[fd00::6]:7860", bind, named).status_code == 421
    assert asked("192.168.1.5", "192.168.1.5", hosts).status_code == 200
    assert asked("anything.test", "0.0.0.0").status_code == 200


def seen(proxies: Sequence[str], peer: str) -> list[object]:
    app = Starlette(routes=[Route("/", tell)])
    app.add_middleware(Forwarding, proxies=proxies)
    told: list[object] = TestClient(app, client=(peer, 4711)).get("/", headers=TOLD).json()
    return told


def test_only_a_named_proxy_tells_who_asks_and_nobodys_word_goes_further(
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, scheme, headers = seen(["10.0.0.0/8"], "10.0.0.5")
    assert (address, scheme) == ("8.8.8.8", "https")
    assert not caplog.records
    for proxies in ([], ["10.0.0.0/8"]):
        assert seen(proxies, "7.7.7.7")[:2] == ["7.7.7.7", "http"]
        assert seen(proxies, "7.7.7.7")[2] == headers
    assert isinstance(headers, dict)
    assert {"host", "user-agent"} <= set(headers)
    assert not {name.lower() for name in TOLD} & set(headers)


def test_a_proxy_without_a_name_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    unnamed: list[list[str] | None] = [[], None]
    for proxies in unnamed:
        app = Starlette(routes=[Route("/", tell)])
        app.add_middleware(Forwarding, proxies=proxies)
        client = TestClient(app, client=("10.0.0.5", 4711))
        for _ in range(3):
            assert client.get("/", headers=TOLD).json()[0] == "10.0.0.5"
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [server_text.PROXY_NOT_NAMED.format(address="10.0.0.5")]


def test_a_named_proxy_that_tells_the_scheme_alone_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Starlette(routes=[Route("/", tell)])
    app.add_middleware(Forwarding, proxies=["10.0.0.5"])
    client = TestClient(app, client=("10.0.0.5", 4711))
    assert client.get("/", headers={"X-Forwarded-Proto": "https"}).json()[1] == "https"
    assert not caplog.records


def test_behind_a_named_proxy_with_https_the_secret_is_never_sent_in_the_open() -> None:
    app = Starlette(routes=[Route("/", tell)])
    app.add_middleware(OwnerCookie)
    app.add_middleware(Forwarding, proxies=["10.0.0.5"])
    for peer, is_secure in (("10.0.0.5", True), ("7.7.7.7", False)):
        answer = TestClient(app, client=(peer, 4711)).get("/", headers=TOLD)
        assert ("; Secure" in answer.headers["set-cookie"]) == is_secure
