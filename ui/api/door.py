"""Middleware: the HTTP API, which is everything under /api, behind a token of its own.

It is for programs. They send the token with every request, so no cookie and no password counts
here, another site's page has nothing to use, and none is let in. The token stands for one owner:
its jobs are on nobody's page, and nobody's are here.

Whoever has shown the token at an address is, there, like those who are signed in to the page: what
others guess does not have them wait, until something wrong comes from that address.
"""

import hashlib
import hmac
import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from inference.core.settings import Settings
from inference.core.write_access import WriteAccess, WriteUnavailable
from inference.jobs.store import JobStore
from inference.media.sandbox.runner import DIRECT, Sandbox
from ui.access.identity import Owners
from ui.access.rate_limiter import MAX_ADDRESSES, RateLimiter, parse_client_address
from ui.api.errors import LATER, Refusal, answer
from ui.api.routes import Routes

_PATH = re.compile(r"/api(/.*)?")
_READING = ("GET", "HEAD", "OPTIONS")
_EXPLAINED = "/api"  # to everybody: whoever asks how it goes has no token yet
_BEARER = re.compile(r"bearer +(.+)", re.IGNORECASE)
_OFF = "There is no HTTP API here. Whoever runs this server can set PORTRAIT_API_TOKEN."
_ASKED = {"WWW-Authenticate": 'Bearer realm="Talking Portrait"'}


class Api:
    """Answers what is under /api with `door`; the rest goes further in."""

    def __init__(self, app: ASGIApp, door: ASGIApp) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and _PATH.fullmatch(scope["path"])
        await (self._door if ours else self._app)(scope, receive, send)


class Door:
    """Lets nobody to `inside` without the token, but to the explanation."""

    def __init__(self, inside: ASGIApp, token: str, guesses: RateLimiter) -> None:
        self._inside, self._token, self._guesses = inside, _digest(token.encode()), guesses
        self._known: dict[str, None] = {}  # addresses that showed it; the newest is at the end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._inside
        if scope["path"] != _EXPLAINED and (refusal := self._judge(Request(scope))):
            app = answer(refusal)
        await app(scope, receive, send)

    def _judge(self, request: Request) -> Refusal | None:
        """Why it is turned away. Nothing is awaited here: each try sees those before."""
        given = _BEARER.fullmatch(request.headers.get("authorization", ""))
        if given is None:
            message = "The token is missing. Send it as Authorization: Bearer TOKEN."
            return Refusal(401, "no_token", message, _ASKED)
        address = parse_client_address(request)
        is_right = hmac.compare_digest(self._token, _digest(given[1].encode("latin-1")))
        if is_right and address in self._known:
            return None
        self._known.pop(address, None)
        if wait_s := self._guesses.compute_wait_s(address):
            message = f"There were too many wrong tokens. Try again in {wait_s} s."
            return Refusal(429, "too_many_tries", message, {"Retry-After": str(wait_s)})
        if not is_right:
            self._guesses.record_failure(address)
            return Refusal(401, "wrong_token", "This is not the token. Check it.", _ASKED)
        self._guesses.clear_failures(address)
        self._remember(address)
        return None

    def _remember(self, address: str) -> None:
        self._known[address] = None
        if len(self._known) > MAX_ADDRESSES:
            del self._known[next(iter(self._known))]


class InTurn:
    """Asks whoever wants to change something while another machine's turn is not over to come
    again."""

    def __init__(self, inside: ASGIApp, access: WriteAccess) -> None:
        self._inside, self._access = inside, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in _READING:
            await self._inside(scope, receive, send)
            return
        try:
            with self._access.hold():
                await self._inside(scope, receive, send)
        except WriteUnavailable as moving:
            await answer(Refusal(503, moving.code, moving.message, LATER))(scope, receive, send)


def owner_of(token: str, owners: Owners) -> str:
    """The owner, 64 hex digits, of the jobs that were asked for with `token`."""
    # begins with a word, so that it is no browser's secret, which is signed with the same key
    return owners.sign(f"api {_digest(token.encode())}")


def door(settings: Settings, jobs: JobStore, owners: Owners, sandbox: Sandbox = DIRECT) -> ASGIApp:
    """What answers under /api: the routes behind their token, or that there is no API."""
    token = settings.api_token
    if not token:
        return answer(Refusal(404, "no_api", _OFF))
    routes = Routes(settings, jobs, owner_of(token, owners), sandbox)
    return Door(InTurn(routes.application(), jobs.access), token, RateLimiter())


def _digest(token: bytes) -> str:
    """Of the same length for every token."""
    return hashlib.sha256(token).hexdigest()
