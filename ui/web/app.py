"""Web application: the page, uploads, media, styles and a health check.

The command line and the Modal function call `create_app`.
"""

import json
import math
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from inference.core.errors import InputCode, InputError
from inference.core.settings import Settings
from inference.core.write_access import WriteAccess
from inference.jobs.clock import ExpiryClock
from inference.jobs.queue import Dispatcher
from inference.jobs.store import JobStore
from ui.access.identity import OwnerCookie, Owners
from ui.access.rate_limiter import RateLimiter
from ui.api.door import Api, door
from ui.media import extras, serving, uploads
from ui.media.decoding import DecodingQueue
from ui.media.uploads import UploadStore
from ui.session.commands import DECODING_ACTIONS
from ui.strings import text
from ui.web.auth import (
    PASSWORD_MARKER,
    MissingPasswordGuard,
    PasswordAuth,
    SignInSessions,
    update_password_marker,
)
from ui.web.body_limit import BodyLimit
from ui.web.gradio import gr
from ui.web.page import Page
from ui.web.security import SecurityMiddleware
from ui.web.theme import Studio

STATIC = Path(__file__).parents[1] / "static"
_MAX_EVENTS = 1000  # on their way: more than there may be threads and waiting files
_QUEUE_POLL_S = 0.02  # Gradio asks itself for actions every ms, which takes 7 % of a core
_GRADIO_FOLDER = "gradio"  # in the data folder; holds no visitor's files
# in the order of the cascade
_STYLES = ("tokens", "page", "controls", "cards", "frame", "line", "lists", "report", "gradio")
_HEAD = """
{styles}
<link rel="preload" as="font" type="font/woff2" crossorigin
  href="/style/fonts/bricolage-grotesque-latin.woff2">
<link rel="preload" as="font" type="font/woff2" crossorigin
  href="/style/fonts/hanken-grotesk-latin.woff2">
<link rel="icon" type="image/svg+xml" href="/style/icon.svg">
<script type="application/json" id="tp-text">{sentences}</script>
<script type="module" src="/style/page.js"></script>
"""


def create_app(settings: Settings, access: WriteAccess | None = None) -> FastAPI:
    """Return the application for one data folder.

    While it runs and `access` is granted, queued jobs are started. Raises OSError if the folder
    can't be written to.
    """
    owners = Owners(settings.data)
    jobs = JobStore(settings, access=access)
    upload_store = UploadStore(settings.data, jobs.access, knows_disk=not settings.on_modal)
    temporary = Path(tempfile.gettempdir()) if settings.on_modal else settings.data
    os.environ["GRADIO_TEMP_DIR"] = str(temporary / _GRADIO_FOLDER)
    decoding = DecodingQueue()
    page = Page(settings, jobs, upload_store, owners, decoding)

    # away for any time on Modal, where clocks are right and the page sleeps when nobody looks
    clock = ExpiryClock(settings.data, math.inf) if settings.on_modal else None
    dispatcher = Dispatcher(jobs, sweep=page.sweep, clock=clock)

    def start() -> None:
        update_password_marker(settings.data / PASSWORD_MARKER, settings)
        dispatcher.start()

    lifespan = _make_lifespan(jobs.access, start, dispatcher.close, decoding)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.decoding = decoding
    _add_middleware(app, settings, owners, door(settings, jobs, owners, decoding))
    app.include_router(extras.create_router(jobs, owners, decoding))  # before the rest of a job
    app.include_router(serving.create_router(settings.data, jobs, owners))
    app.include_router(uploads.create_router(upload_store, owners))
    app.mount("/style", StaticFiles(directory=STATIC))

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/pulse")
    def pulse(request: Request) -> JSONResponse:
        owner = owners.identify(request.cookies)
        version = page.etag(owner) if owner else ""
        return JSONResponse({"version": version}, headers={"Cache-Control": "no-store"})

    return _mount_page(app, page)


def _mount_page(app: FastAPI, page: Page) -> FastAPI:
    """Return `app` with the page at its root."""
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page.blocks,
        path="/",
        theme=Studio(),
        head=_build_head(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
    )
    page.blocks._queue.max_thread_count = _MAX_EVENTS
    page.blocks._queue.sleep_when_free = _QUEUE_POLL_S
    page.blocks._queue.progress_update_sleep_when_free = 1.0  # the page tells its own progress
    return mounted


def _make_lifespan(
    access: WriteAccess,
    start: Callable[[], None],
    stop: Callable[[], None],
    decoding: DecodingQueue,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return the application's lifespan; background work runs while `access` is granted."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(access.subscribe, start, stop)
        try:
            yield
        finally:
            decoding.close()
            await anyio.to_thread.run_sync(access.close)

    return lifespan


def _add_middleware(app: FastAPI, settings: Settings, owners: Owners, api_door: ASGIApp) -> None:
    """Add the middleware, from the innermost to the outermost."""
    app.add_middleware(OwnerCookie)
    app.add_middleware(CORSMiddleware)  # allows no other site; Gradio's default allows many
    if settings.password:
        sessions = SignInSessions(settings.password, owners.sign)
        app.add_middleware(PasswordAuth, sessions=sessions, rate_limiter=RateLimiter())
    app.add_middleware(Api, door=api_door)
    if settings.on_modal and not settings.password and not settings.unlocked:
        app.add_middleware(MissingPasswordGuard, marker=settings.data / PASSWORD_MARKER)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityMiddleware)


def build_words() -> dict[str, str]:
    """Return the sentences that the browser's scripts use, and the actions that decode files."""
    return text.for_browser() | {"decoding": " ".join(DECODING_ACTIONS)}


def _build_head() -> str:
    """Return the HTML for the page's head, with the sentences that the browser's scripts use."""
    styles = "\n".join(f'<link rel="stylesheet" href="/style/{name}.css">' for name in _STYLES)
    sentences = json.dumps(build_words()).replace("<", "\\u003c")  # no tag can end it
    return _HEAD.format(styles=styles, sentences=sentences)


class _Server(uvicorn.Server):
    """Server that calls `started` once it listens, and stops although pages are open.

    `stop` ends what requests may wait for.
    """

    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._started, self._stop = started, stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close open connections first: each open page has one, and uvicorn would wait for it."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        self._stop()
        await super().shutdown(sockets)


def serve(settings: Settings, host: str, port: int, started: Callable[[], None]) -> None:
    """Serve the page until the process is stopped; running jobs continue.

    `started` is called once the page can be opened. Raises InputError if the port can't be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(InputCode.BAD_OPTION, text.port_in_use(host, port), str(error)) from error
    with listener:  # closed also when the folder can't be written to
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            # for the scheme, and so for Secure cookies; addresses: ui.access.rate_limiter
            forwarded_allow_ips="*",
        )
        _Server(config, started, app.state.decoding.close).run(sockets=[listener])
