"""All the addresses of an application."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import BaseRoute


def patterns(routes: list[BaseRoute]) -> Iterator[str]:
    """The addresses of all routes, those of mounted applications too."""
    for route in routes:
        yield getattr(route, "path", "")
        inner = getattr(route, "original_router", route)  # of a router that was included
        yield from patterns(getattr(inner, "routes", None) or [])


def addresses(app: FastAPI) -> set[str]:
    """The addresses of the page, of what is mounted in it, and of the API beside it."""
    found = set(patterns(app.routes))
    for middleware in app.user_middleware:
        inside: Any = middleware.kwargs.get("door")
        while inside and not isinstance(inside, Starlette):
            inside = getattr(inside, "_inside", None)
        found |= set(patterns(inside.routes)) if inside else set()
    return found - {""}
