"""A browser stays who it is, and only it is that."""

import hashlib
import hmac
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from inference.core.errors import Fault
from tests.support.media import ROOT
from ui.access.identity import KEY_FILE, OWNER_COOKIE, OwnerCookie, Owners

SECRET = "5e" * 32
COOKIES = {OWNER_COOKIE: SECRET}
NO_SECRETS = ["", "5e", SECRET.upper(), SECRET + "0", SECRET + "\n", "../" + SECRET, "ß" * 64]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_random_and_for_the_server_alone(tmp_path: Path) -> None:
    before = os.umask(0)  # the most careless one
    try:
        Owners(tmp_path / "one" / "data")
        Owners(tmp_path / "two")
    finally:
        os.umask(before)
    one, two = tmp_path / "one" / "data", tmp_path / "two"
    assert mode(one) == 0o700
    assert mode(one / KEY_FILE) == 0o600
    assert len((one / KEY_FILE).read_bytes()) == 32
    assert (one / KEY_FILE).read_bytes() != (two / KEY_FILE).read_bytes()
    assert [path.name for path in one.iterdir()] == [KEY_FILE]


def test_an_owner_is_the_keyed_hash_of_the_secret_and_outlives_the_server(tmp_path: Path) -> None:
    owner = Owners(tmp_path).identify(COOKIES)
    key = (tmp_path / KEY_FILE).read_bytes()
    assert owner == hmac.new(key, SECRET.encode(), hashlib.sha256).hexdigest()
    assert Owners(tmp_path).identify(COOKIES) == owner
    assert Owners(tmp_path / "elsewhere").identify(COOKIES) != owner


def test_a_key_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    assert Owners(tmp_path).identify(COOKIES) == Owners(tmp_path).identify(COOKIES)
    assert len((tmp_path / KEY_FILE).read_bytes()) == 32


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_damaged_key_is_not_replaced_while_there_is_work(tmp_path: Path, key: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(key)
    (tmp_path / "jobs" / ("0" * 32)).mkdir(parents=True)
    with pytest.raises(Fault, match="Put a copy of it back") as raised:
        Owners(tmp_path)
    assert str(tmp_path / KEY_FILE) in raised.value.message
    assert (tmp_path / KEY_FILE).read_bytes() == key


def test_servers_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from ui.access.identity import Owners; sys.stdin.readline();"
        f"print(Owners(Path({str(tmp_path / 'data')!r})).identify({COOKIES!r}))"
    )
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    owners = {server.communicate("go\n")[0] for server in servers}
    assert owners == {f"{Owners(tmp_path / 'data').identify(COOKIES)}\n"}


@pytest.mark.parametrize("secret", NO_SECRETS)
def test_what_can_be_no_secret_has_no_owner(tmp_path: Path, secret: str) -> None:
    owners = Owners(tmp_path)
    assert owners.identify({OWNER_COOKIE: secret}) is None
    assert owners.identify({"other": SECRET}) is None
    assert owners.identify({}) is None


def browser(scheme: str = "http", cookies: dict[str, str] | None = None) -> TestClient:
    """A browser of its own in front of pages that answer anything."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("page")

    route = Route("/{path:path}", answer, methods=["GET", "POST"])
    app = Starlette(routes=[route])
    app.add_middleware(OwnerCookie)
    return TestClient(app, base_url=f"{scheme}://portrait.test", cookies=cookies)


def test_opening_the_page_gives_a_secret_that_scripts_and_other_sites_do_not_get() -> None:
    first, second = browser().get("/"), browser().get("/")
    secret, *rules = first.headers["set-cookie"].split("; ")
    assert re.fullmatch(rf"{OWNER_COOKIE}=[0-9a-f]{{64}}", secret)
    assert set(rules) == {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={365 * 86400}"}
    assert first.cookies[OWNER_COOKIE] != second.cookies[OWNER_COOKIE]
    assert first.headers["cache-control"] == "private, no-cache"


def test_each_visit_keeps_the_secret_for_another_year() -> None:
    visitor = browser()
    given = visitor.get("/").cookies[OWNER_COOKIE]
    again = visitor.get("/?from=somewhere").headers["set-cookie"]
    assert again.startswith(f"{OWNER_COOKIE}={given}; ")
    assert f"Max-Age={365 * 86400}" in again


@pytest.mark.parametrize("secret", ["", "5e", SECRET.upper(), SECRET + "0"])
def test_a_secret_that_can_be_none_is_replaced(secret: str) -> None:
    given = browser(cookies={OWNER_COOKIE: secret}).get("/").headers["set-cookie"]
    assert re.match(rf"{OWNER_COOKIE}=[0-9a-f]{{64}};", given)
    assert not given.startswith(f"{OWNER_COOKIE}={secret};")


def test_over_https_the_secret_is_never_sent_in_the_open() -> None:
    assert "Secure" in browser("https").get("/").headers["set-cookie"].split("; ")


def test_only_opening_the_page_gives_a_secret() -> None:
    visitor = browser()
    for answer in (visitor.head("/"), visitor.post("/"), visitor.get("/pulse")):
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
