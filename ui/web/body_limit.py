"""Limit on the size of requests' bodies, which Gradio and FastAPI read into memory whole."""

from collections import deque

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.api.view import JOBS
from ui.media.uploads import UPLOAD_ROUTE

MAX_BODY_BYTES = 2**20
_UPLOAD_ROUTES = (UPLOAD_ROUTE, JOBS)  # write to a file what they receive, within limits of theirs


class BodyLimit:
    """Middleware that refuses a body over `MAX_BODY_BYTES` before the page reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UPLOAD_ROUTES:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        messages = await _read_body(receive) if _is_allowed(announced) else None
        if messages is None:
            message = f"This request is too large; {MAX_BODY_BYTES >> 20} MiB is the most."
            await PlainTextResponse(message, 413)(scope, receive, send)
            return

        async def replay() -> Message:
            return messages.popleft() if messages else await receive()

        await self._app(scope, replay, send)


def _is_allowed(length: str) -> bool:
    return length.isdecimal() and int(length) <= MAX_BODY_BYTES


async def _read_body(receive: Receive) -> deque[Message] | None:
    """Return the messages of a body; None if it is too large."""
    messages: deque[Message] = deque()
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if length > MAX_BODY_BYTES:
            return None
        messages.append(message)
        if not message.get("more_body", False):  # also when the client has gone
            return messages
