"""Middleware: the whole page behind one password, when there is one in the settings.

Whoever has given it keeps a session in a cookie. That is a moment at which it ends and an HMAC over
this moment and the password: nothing is stored here, it outlives a restart, and all sessions end
when the password is changed or the folder of data is.

Other sites' forms are turned away by `ui.web.security` before they come here. A browser that
doesn't say who had it send a form (over plain http) would be signed in by one only with the
password in it, and that makes nobody somebody else: whose work is whose is decided by another
cookie.
"""

import hashlib
import hmac
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from inference.core.settings import Settings
from ui.access.rate_limiter import RateLimiter, parse_client_address
from ui.strings import text
from ui.views.sign_in import FIELD, SIGN_IN, sign_in
from ui.web.theme import build_dark_rule

SESSION_COOKIE = "portrait-session"
PASSWORD_MARKER = "had-password"  # the file in the folder of data that remembers it
SESSION_MAX_AGE_S = 30 * 24 * 3600
MAX_FORM_BYTES = 4096  # the longest form that is read
_FORM_TYPE = "application/x-www-form-urlencoded"
_PUBLIC_PATHS = re.compile(r"/(healthz|style/.+)")
_SESSION_PATTERN = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")
_SAFE_METHODS = ("GET", "HEAD")
_NO_STORE = {"Cache-Control": "no-store"}  # the same address shows another page once signed in


class SignInSessions:
    """The sessions of one password. `sign` is a keyed hash of a text, see `ui.access.identity`;
    `clock` the time of day in seconds."""

    def __init__(
        self, password: str, sign: Callable[[str], str], clock: Callable[[], float] = time.time
    ) -> None:
        self._password, self._sign, self._clock = _hash_password(password), sign, clock

    def is_password(self, given: str) -> bool:
        """Whether that is the password."""
        return hmac.compare_digest(self._password, _hash_password(given))

    def create(self) -> str:
        """A session that begins now."""
        end = str(int(self._clock()) + SESSION_MAX_AGE_S)
        return f"{end}.{self._sign_expiry(end)}"

    def is_valid(self, session: str) -> bool:
        """Whether it is one of ours, and goes on."""
        found = _SESSION_PATTERN.fullmatch(session)
        if found is None or not hmac.compare_digest(self._sign_expiry(found[1]), found[2]):
            return False
        return self._clock() < int(found[1])

    def _sign_expiry(self, end: str) -> str:
        # begins with a word, so that it is no browser's secret, which is signed with the same key
        return self._sign(f"session {end} {self._password}")


class MissingPasswordGuard:
    """Lets nobody in to a page that had a password and was deployed without one, until the operator
    says what is to be: whoever knows the address could spend their money.

    `mark` is the file that remembers; it lies in the folder of data, which outlives deploys.
    """

    def __init__(self, app: ASGIApp, mark: Path) -> None:
        self._app, self._marker = app, mark

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shut = scope["type"] in ("http", "websocket") and scope["path"] != "/healthz"
        if shut and self._marker.exists():
            await PlainTextResponse(text.PASSWORD_FORGOTTEN, 503)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def update_password_marker(mark: Path, settings: Settings) -> None:
    """Have the file `mark` say whether the page has a password; without one it stays as it was,
    unless that is on purpose. Raises OSError."""
    if settings.password:
        mark.touch(mode=0o600)
    elif settings.unlocked:
        mark.unlink(missing_ok=True)


class PasswordAuth:
    """Lets nobody further who has no session, but to a health check, the style and a form."""

    def __init__(self, app: ASGIApp, sessions: SignInSessions, guesses: RateLimiter) -> None:
        self._app, self._sessions, self._rate_limiter = app, sessions, guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["path"] == SIGN_IN:
            app = await self._sign_in(Request(scope, receive))
        elif scope["type"] in ("http", "websocket") and not self._is_allowed(scope):
            app = _refuse(scope)
        await app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if _PUBLIC_PATHS.fullmatch(scope["path"]):
            return True
        return self._sessions.is_valid(HTTPConnection(scope).cookies.get(SESSION_COOKIE, ""))

    async def _sign_in(self, request: Request) -> Response:
        """The answer to the form."""
        if request.method != "POST":
            return RedirectResponse("/", 303)
        if _parse_media_type(request) != _FORM_TYPE:
            return _render_sign_in(415, text.PASSWORD_LOST)
        try:
            form = await _read_body(request)
        except ClientDisconnect:
            return _render_sign_in(400, text.PASSWORD_LOST)
        if form is None:
            return _render_sign_in(413, text.PASSWORD_TOO_LONG)
        fields = parse_qs(form.decode(errors="replace"))
        return self._check_password(request, fields.get(FIELD, [""])[0])

    def _check_password(self, request: Request, given: str) -> Response:
        """Nothing is awaited here: of tries that come at the same time each sees those before."""
        address = parse_client_address(request)
        if wait_s := self._rate_limiter.compute_wait_s(address):
            refused = _render_sign_in(429, text.PASSWORD_TRIES.format(seconds=wait_s))
            refused.headers["Retry-After"] = str(wait_s)
            return refused
        if not self._sessions.is_password(given):
            self._rate_limiter.record_failure(address)
            wait_s = self._rate_limiter.compute_wait_s(address)
            said = (
                text.PASSWORD_WRONG_WAIT.format(seconds=wait_s) if wait_s else text.PASSWORD_WRONG
            )
            return _render_sign_in(401, said)
        self._rate_limiter.clear_failures(address)
        entered = RedirectResponse("/", 303, _NO_STORE)
        entered.set_cookie(
            SESSION_COOKIE,
            self._sessions.create(),
            max_age=SESSION_MAX_AGE_S,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return entered


def _refuse(scope: Scope) -> ASGIApp:
    """The answer to whoever has no session."""
    if scope["type"] == "websocket":
        return WebSocketClose()
    if scope["path"] == "/" and scope["method"] in _SAFE_METHODS:
        return _render_sign_in(401)
    return JSONResponse({"message": text.SIGNED_OUT}, 401, _NO_STORE)


def _render_sign_in(status: int, problem: str = "") -> HTMLResponse:
    return HTMLResponse(sign_in(build_dark_rule(), problem), status, _NO_STORE)


def _parse_media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_body(request: Request) -> bytes | None:
    """What was sent; None when it is too long. Raises ClientDisconnect."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    return body


def _hash_password(password: str) -> str:
    """Of the same length for every password, and the same however its accents are written."""
    written = unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
    return hashlib.sha256(written).hexdigest()
