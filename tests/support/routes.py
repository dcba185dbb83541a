"""All the addresses of an application."""

from collections.abc import Iterator

from starlette.routing import BaseRoute


def patterns(routes: list[BaseRoute]) -> Iterator[str]:
    """The addresses of all routes, those of mounted applications too."""
    for route in routes:
        yield getattr(route, "path", "")
        inner = getattr(route, "original_router", route)  # of a router that was included
        yield from patterns(getattr(inner, "routes", None) or [])
