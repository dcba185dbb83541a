"""Web application: the page, uploads, media, styles and a health check.

The command line and the Modal function call `create_app`.
"""

import math
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from inference.core.confinement.confine import warn_if_open
from inference.core.errors import InputCode, InputError
from inference.core.settings import Settings
from inference.core.write_access import WriteAccess
from inference.jobs.clock import ExpiryClock
from inference.jobs.queue import Dispatcher, prepare_worker
from inference.jobs.store import JobStore
from inference.rendering.provenance.signing import prepare_signing, require_usable_setting
from ui.access.identity import OwnerCookie, Owners
from ui.api.door import Api, door
from ui.media import extras, serving, uploads
from ui.media.decoding import DecodingQueue
from ui.media.page_files import (
    STATIC,
    STYLE_ROUTE,
    PageFile,
    PageFiles,
    build_answer,
    open_page_files,
)
from ui.media.uploads import UploadStore
from ui.strings import server_text
from ui.web.auth import (
    PASSWORD_MARKER,
    MissingPasswordGuard,
    PasswordAuth,
    SignInSessions,
    update_password_marker,
)
from ui.web.body_limit import BodyLimit
from ui.web.document import Document
from ui.web.forwarding import Forwarding, HostGuard, build_names
from ui.web.gradio import gr
from ui.web.gradio_files import GRADIO_FILES
from ui.web.page import Page
from ui.web.security import SecurityMiddleware
from ui.web.server import Server, build_config, raise_descriptor_limit
from ui.web.theme import Studio

_MAX_EVENTS = 1000  # on their way: more than there may be threads and waiting files
_QUEUE_POLL_S = 0.02  # Gradio asks itself for actions every ms, which takes 7 % of a core
_GRADIO_FOLDER = "gradio"  # in the data folder; holds no visitor's files


def create_app(settings: Settings, access: WriteAccess | None = None) -> FastAPI:
    """Return the application for one data folder.

    While it runs and `access` is granted, queued jobs are started. Raises OSError if the folder
    can't be written to.
    """
    owners = Owners(settings.data)
    jobs = JobStore(settings, access=access)
    upload_store = UploadStore(settings.data, jobs.access, knows_disk=not settings.on_modal)
    _choose_gradio_folder(settings)
    warn_if_open()
    decoding = DecodingQueue() if settings.on_modal else DecodingQueue(prepare_worker)
    page = Page(settings, jobs, upload_store, owners, decoding)

    # away for any time on Modal, where clocks are right and the page sleeps when nobody looks
    clock = ExpiryClock(settings.data, math.inf) if settings.on_modal else None
    dispatcher = Dispatcher(jobs, sweep=page.sweep, clock=clock)

    def start() -> None:
        update_password_marker(settings.data / PASSWORD_MARKER, settings)
        prepare_signing(settings)
        dispatcher.start()

    lifespan = _make_lifespan(jobs.access, start, dispatcher.close, decoding)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.decoding = decoding
    _add_middleware(app, settings, owners, door(settings, jobs, owners, decoding))
    app.include_router(extras.create_router(jobs, owners, decoding))  # before the rest of a job
    app.include_router(serving.create_router(settings.data, jobs, owners))
    app.include_router(uploads.create_router(upload_store, owners))
    _add_files(app)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/pulse")
    def pulse(request: Request) -> JSONResponse:
        owner = owners.identify(request.cookies)
        version = page.etag(owner) if owner else ""
        return JSONResponse({"version": version}, headers={"Cache-Control": "no-store"})

    @app.api_route("/", methods=["GET", "HEAD"])
    def show(request: Request) -> Response:
        document: Document = app.state.document
        content = document.render(*page.render(owners.identify(request.cookies)))
        own = {"Cache-Control": "private, no-cache"}
        return build_answer(request, PageFile(".html", content.encode()), own)

    return _mount_page(app, page)


def _choose_gradio_folder(settings: Settings) -> None:
    """Tell Gradio where its own files go: in the data folder, but for Modal's Volume."""
    folder = Path(tempfile.gettempdir()) if settings.on_modal else settings.data
    os.environ["GRADIO_TEMP_DIR"] = str(folder / _GRADIO_FOLDER)


def _add_files(app: FastAPI) -> None:
    """Add the routes to the page's own files and to Gradio's, instead of Gradio's route to them."""
    folder = GRADIO_FILES / "assets"
    gradio_files = PageFiles(folder, adapted={".css": _put_below}, immutable=True)
    for route, files in ((STYLE_ROUTE, open_page_files()), ("/assets", gradio_files)):
        app.add_api_route(f"{route}/{{name:path}}", files.answer, methods=["GET", "HEAD"])


def _put_below(style: str) -> str:
    """Return a style sheet of Gradio's that yields to the page's own, wherever it comes."""
    return f"@layer gradio {{{style}}}"


def _mount_page(app: FastAPI, page: Page) -> FastAPI:
    """Return `app` with the page at its root."""
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page.blocks,
        path="/",
        theme=Studio(),
        favicon_path=str(STATIC / "icon-192.png"),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
    )
    app.state.document = Document(dict(page.blocks.config))
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
    app.add_middleware(BodyLimit)  # behind the doors: a stranger's body is read by none of them
    if settings.password:
        sessions = SignInSessions(settings.password, owners.sign)
        app.add_middleware(PasswordAuth, sessions=sessions)
    app.add_middleware(Api, door=api_door)
    if settings.on_modal and not settings.password and not settings.unlocked:
        app.add_middleware(MissingPasswordGuard, marker=settings.data / PASSWORD_MARKER)
    app.add_middleware(SecurityMiddleware)
    app.add_middleware(Forwarding, proxies=None if settings.on_modal else settings.proxies)


def serve(settings: Settings, host: str, port: int, started: Callable[[], None]) -> None:
    """Serve the page until the process is stopped; running jobs continue.

    `started` is called once the page can be opened. Raises InputError if the port can't be used, or
    the operator's certificate is no such thing.
    """
    require_usable_setting(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            InputCode.BAD_OPTION, server_text.port_in_use(host, port), str(error)
        ) from error
    with listener:  # closed also when the folder can't be written to
        app = create_app(settings)
        names = build_names(host, settings.hosts)
        config = build_config(HostGuard(app, names) if names else app, raise_descriptor_limit())
        Server(config, started, app.state.decoding.close).run(sockets=[listener])
