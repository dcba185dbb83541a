"""Middleware that protects the page with one password, if the settings have one.

A signed-in browser keeps a session in a cookie: its expiry, and an HMAC over the expiry and the
password. Nothing is stored on the server. Sessions outlive a restart and end when the password or
the data folder changes. The browser keeps the cookie of one that has expired: it shows that the
password was known here, so nobody else's wrong ones delay the next sign-in.

`ui.web.security` refuses other sites' forms before they come here. A browser that doesn't tell
which site sent a form (over plain http) can be signed in by another site only with the right
password, and stays the same visitor: another cookie decides whose work is whose.
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

from inference.core.files import delete_path
from inference.core.settings import Settings
from ui.access.rate_limiter import RateLimiter, parse_client_address
from ui.strings import text
from ui.views.sign_in import FIELD, SIGN_IN, sign_in
from ui.web.theme import build_dark_rule

SESSION_COOKIE = "portrait-session"
PASSWORD_MARKER = "had-password"  # in the data folder: there was a password
SESSION_MAX_AGE_S = 30 * 24 * 3600
_COOKIE_MAX_AGE_S = 365 * 24 * 3600
_SLACK_S = 24 * 3600  # for a clock that is behind for a while
MAX_FORM_BYTES = 4096  # of the sign-in form
_FORM_TYPE = "application/x-www-form-urlencoded"
_PUBLIC_PATHS = re.compile(r"/(healthz|style/.+)")
_SESSION_PATTERN = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")
_SAFE_METHODS = ("GET", "HEAD")
_NO_STORE = {"Cache-Control": "no-store"}  # after signing in the same address is another page


class SignInSessions:
    """Sessions of one password.

    `sign` is a keyed hash of a text, see `ui.access.identity`; `clock` the time of day in seconds.
    """

    def __init__(
        self, password: str, sign: Callable[[str], str], clock: Callable[[], float] = time.time
    ) -> None:
        self._password, self._sign, self._clock = _hash_password(password), sign, clock

    def is_password(self, password: str) -> bool:
        """Return whether `password` is the password."""
        return hmac.compare_digest(self._password, _hash_password(password))

    def create(self) -> str:
        """Return a new session."""
        end = str(int(self._clock()) + SESSION_MAX_AGE_S)
        return f"{end}.{self._sign_expiry(end)}"

    def is_valid(self, session: str) -> bool:
        """Return whether the session was signed here and has not expired."""
        end = self._read_end(session)
        # more is of a clock that was ahead
        return end is not None and 0 < end - self._clock() < SESSION_MAX_AGE_S + _SLACK_S

    def was_valid(self, session: str) -> bool:
        """Return whether the session was signed here, for this password, however long ago."""
        return self._read_end(session) is not None

    def _read_end(self, session: str) -> int | None:
        """Return when the session expires; None if it was not signed here."""
        found = _SESSION_PATTERN.fullmatch(session)
        if found is None or not hmac.compare_digest(self._sign_expiry(found[1]), found[2]):
            return None
        return int(found[1])

    def _sign_expiry(self, end: str) -> str:
        # starts with a word, so that it can't be a browser's secret, which has the same key
        return self._sign(f"session {end} {self._password}")


class MissingPasswordGuard:
    """Middleware that closes a page that had a password and was deployed without one.

    Anyone who knows the address could spend the operator's money. The file `marker` records that
    there was a password; it lies in the data folder, which outlives deployments.
    """

    def __init__(self, app: ASGIApp, marker: Path) -> None:
        self._app, self._marker = app, marker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_closed = scope["type"] in ("http", "websocket") and scope["path"] != "/healthz"
        if is_closed and self._marker.exists():
            await PlainTextResponse(text.PASSWORD_FORGOTTEN, 503)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def update_password_marker(marker: Path, settings: Settings) -> None:
    """Create the file `marker` if there is a password; delete it if the page is open on purpose.

    Raises OSError.
    """
    if settings.password:
        marker.touch(mode=0o600)
    elif settings.unlocked:
        delete_path(marker)


class PasswordAuth:
    """Middleware that requires a session, except for health checks, styles and the sign-in form.

    `clock` counts seconds from any start.
    """

    def __init__(
        self,
        app: ASGIApp,
        sessions: SignInSessions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._sessions = app, sessions
        # browsers that were signed in before are counted apart, each for itself
        self._strangers, self._known = RateLimiter(clock), RateLimiter(clock)

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
        """Return the answer to the sign-in form."""
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

    def _check_password(self, request: Request, password: str) -> Response:
        """Return the answer to a password.

        It awaits nothing, so that of simultaneous attempts each sees the ones before.
        """
        session = request.cookies.get(SESSION_COOKIE, "")
        if self._sessions.was_valid(session):
            limiter, visitor = self._known, session
        else:
            limiter, visitor = self._strangers, parse_client_address(request)
        if wait_s := limiter.compute_wait_s(visitor):
            refused = _render_sign_in(429, text.PASSWORD_TRIES.format(seconds=wait_s))
            refused.headers["Retry-After"] = str(wait_s)
            return refused
        if not self._sessions.is_password(password):
            limiter.record_failure(visitor)
            wait_s = limiter.compute_wait_s(visitor)
            problem = (
                text.PASSWORD_WRONG_WAIT.format(seconds=wait_s) if wait_s else text.PASSWORD_WRONG
            )
            return _render_sign_in(401, problem)
        limiter.clear_failures(visitor)
        response = RedirectResponse("/", 303, _NO_STORE)
        response.set_cookie(
            SESSION_COOKIE,
            self._sessions.create(),
            max_age=_COOKIE_MAX_AGE_S,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return response


def _refuse(scope: Scope) -> ASGIApp:
    """Return the answer to a request without a session."""
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
    """Return the request's body; None if it is too long. Raises ClientDisconnect."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    return body


def _hash_password(password: str) -> str:
    """Return a hash of the password.

    Its length doesn't depend on the password, nor its value on how accents are encoded.
    """
    written = unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
    return hashlib.sha256(written).hexdigest()
