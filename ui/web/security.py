"""Middleware that restricts routes and sites, and adds security headers.

Gradio has more routes than this page needs: for uploads, files, recordings, proxying,
documentation. The visitors' files don't pass through them, so all of them are closed, as is any
route that a later version adds.
"""

import re
from functools import partial

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.media.serving import build_not_found

_OWN_PATHS = r"healthz|sign-in|pulse|upload|media/.+|style/.+|api(/.*)?"
_GRADIO_PATHS = (
    r"config|theme\.css|favicon\.ico|robots\.txt|(assets|static)/[\w./-]{1,200}"
    r"|gradio_api/(queue/(join|data)|heartbeat/[\w-]{1,64}|app_id|cancel|reset)"
)
_ALLOWED_PATHS = re.compile(rf"/({_OWN_PATHS}|{_GRADIO_PATHS})?", re.ASCII)
_SAFE_METHODS = ("GET", "HEAD")
# Gradio uses inline scripts and builds its components' templates with eval, so both are allowed;
# nothing is loaded from or sent to another host.
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), display-capture=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SecurityMiddleware:
    """Middleware that refuses unknown routes and other sites' requests, and adds headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        app = self._app
        if not _ALLOWED_PATHS.fullmatch(scope["path"]):
            app = build_not_found()
        elif scope["method"] not in _SAFE_METHODS and _is_cross_site(Headers(scope=scope)):
            app = PlainTextResponse("This comes from another site.", 403)
        await app(scope, receive, partial(_send_with_headers, send))


def _is_cross_site(headers: Headers) -> bool:
    """Return whether the browser reports that another site sent the request."""
    return headers.get("sec-fetch-site", "same-origin") != "same-origin"


async def _send_with_headers(send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        MutableHeaders(scope=message).update(_HEADERS)
    await send(message)
