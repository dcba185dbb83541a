"""Middleware for what a request says of where it was sent, and from where.

Any web site can make its own name lead to this machine and send requests here under that name (DNS
rebinding), as the page's own. And anybody can send the headers in which proxies tell the visitor's
address and scheme.
"""

import logging
import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ui.strings import server_text

logger = logging.getLogger(__name__)

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:/@\[\]]+))(?::[0-9]*)?", re.IGNORECASE)
# Gradio answers with addresses that it makes of some of them, whoever sent them.
_FORWARDED = re.compile(rb"(x-)?forwarded(-.*)?|x-real-ip|x-gradio-server", re.IGNORECASE)


class HostGuard:
    """Middleware that answers only under `names`, and under those that always mean this machine.

    A name that begins with "*." stands for all below it.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app, self._names = app, frozenset(map(_normalize, names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_allowed(Headers(scope=scope).get("host", "")):
            await PlainTextResponse(server_text.WRONG_HOST, 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_allowed(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        name = _normalize((found[1] or found[2]).lower().removesuffix(".")) if found else ""
        if is_loopback(name) or name in self._names:
            return True
        parts = name.split(".")
        return any(f"*.{'.'.join(parts[at:])}" in self._names for at in range(1, len(parts)))


class Forwarding:
    """Middleware that takes the visitor's address and scheme from the `proxies`, and drops the
    headers in which anybody tells them.

    Each proxy is an address or a network. Of the addresses that they tell, the last that is no
    proxy's counts: what stands before it was sent by the visitor. None: the server in front knows
    both without headers, as Modal's does.
    """

    def __init__(self, app: ASGIApp, proxies: Iterable[str] | None) -> None:
        self._app = app
        self._read_proxy: Any = ProxyHeadersMiddleware(_answer_nothing, list(proxies or ()))
        self._has_warned = proxies is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            peer = scope.get("client")
            await self._read_proxy(scope, receive, send)  # it changes the scope
            kept = [each for each in scope["headers"] if not _FORWARDED.fullmatch(each[0])]
            if len(kept) < len(scope["headers"]):
                self._warn(peer)
            scope["headers"] = kept
        await self._app(scope, receive, send)

    def _warn(self, peer: tuple[str, int] | None) -> None:
        if not self._has_warned and peer and peer[0] not in self._read_proxy.trusted_hosts:
            self._has_warned = True
            logger.warning(server_text.PROXY_NOT_NAMED.format(address=peer[0]))


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address means this machine, and can mean no other."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def build_names(host: str, hosts: tuple[str, ...]) -> frozenset[str] | None:
    """Return the names for a `HostGuard` of a server that listens at `host`; None: any name.

    `hosts` are those of the settings.
    """
    return frozenset({host, *hosts}) if hosts or is_loopback(host) else None


def _normalize(name: str) -> str:
    """Return a name as it is, an address in the one way among several to write it."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name


async def _answer_nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stand for an application: the middleware before it does the work."""
