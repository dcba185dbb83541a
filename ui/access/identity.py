"""Visitors' identity: a browser keeps a random secret in a cookie; the server knows its HMAC only.

The HMAC is the name of the owner of everything that browser made; without the secret it can't be
computed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.cloud.names import PAGE_KEY
from inference.core.errors import Fault, FaultCode
from inference.core.files import write_whole
from inference.jobs import lock

OWNER_COOKIE = "portrait"
KEY_FILE = PAGE_KEY
KEY_BYTES = 32
_SECRET = re.compile(r"[0-9a-f]{64}")
_SECRET_BYTES = 32
_KEY_DAMAGED = (
    "The key {path} is damaged, and without it nobody finds their work again. Put a copy of it "
    "back, or delete the file: then everybody starts anew."
)
_YEAR_S = 365 * 24 * 3600


class Owners:
    """Owners in one data folder. Creates the folder and its key at the first start.

    Raises Fault, OSError.
    """

    def __init__(self, data: Path) -> None:
        self._key = _load_key(data)

    def identify(self, cookies: Mapping[str, str]) -> str | None:
        """Return the owner, 64 hex digits, whose browser sent `cookies`; None without a secret."""
        secret = _parse_secret(cookies)
        return None if secret is None else self.sign(secret)

    def sign(self, words: str) -> str:
        """Return the HMAC of `words` with the folder's key, 64 hex digits."""
        return hmac.new(self._key, words.encode(), hashlib.sha256).hexdigest()


class OwnerCookie:
    """Middleware that gives a browser that opens the page a secret, for another year."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/":
            secret = _parse_secret(HTTPConnection(scope).cookies) or secrets.token_hex(
                _SECRET_BYTES
            )
            cookie = _format_cookie(secret, secure=scope["scheme"] == "https")
            scope = _add_secret(scope, secret)
            send = partial(_send_with_cookie, cookie, send)
        await self._app(scope, receive, send)


def _load_key(data: Path) -> bytes:
    """Return the key in `data`, created if needed; servers that start together agree on it.

    Raises Fault for a damaged key: with another one nobody would find their work again.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data / KEY_FILE
    is_there = path.exists()
    with lock.hold(path):  # creates the file, readable by this user alone
        key = b"" if path.is_dir() else path.read_bytes()
        if len(key) < KEY_BYTES:
            if is_there and any(map(_has_contents, data.iterdir())):
                raise Fault(FaultCode.UNREADABLE, _KEY_DAMAGED.format(path=path))
            key = secrets.token_bytes(KEY_BYTES)
            write_whole(path, key, mode=0o600)
    return key


def _has_contents(folder: Path) -> bool:
    """Return whether `folder` is one with something in it."""
    return folder.is_dir() and any(folder.iterdir())


def _parse_secret(cookies: Mapping[str, str]) -> str | None:
    """Return the secret in `cookies`; None if there is no valid one."""
    secret = cookies.get(OWNER_COOKIE, "")
    return secret if _SECRET.fullmatch(secret) else None


def _add_secret(scope: Scope, secret: str) -> Scope:
    """Return the request as if the browser had sent `secret`: its first page is its own already."""
    headers = MutableHeaders(scope=dict(scope))
    headers["cookie"] = "; ".join([*headers.getlist("cookie"), f"{OWNER_COOKIE}={secret}"])
    return {**scope, "headers": headers.raw}


def _format_cookie(secret: str, secure: bool) -> str:
    """Return the header that has a browser keep `secret`."""
    cookie = f"{OWNER_COOKIE}={secret}; Max-Age={_YEAR_S}; Path=/; HttpOnly; SameSite=Lax"
    return f"{cookie}; Secure" if secure else cookie


async def _send_with_cookie(cookie: str, send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        headers.append("Set-Cookie", cookie)
        headers["Cache-Control"] = "private, no-cache"  # no shared cache may answer with it
    await send(message)
