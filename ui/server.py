"""The web application: the page, the media it shows, its style, a health check.

Whoever runs it (the command line, a cloud function) takes `create_app`.
"""

import os
import socket
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from inference.errors import InputCode, InputError
from inference.request import MAX_RECORDING_MIB
from inference.settings import Settings
from ui import media, terminal, text
from ui.page import Page
from ui.theme import Studio

STATIC = Path(__file__).parent / "static"
_UPLOADS = "uploads"  # where Gradio puts a file until it is taken in
_HEAD = """
<link rel="stylesheet" href="/style/studio.css">
<link rel="stylesheet" href="/style/gradio.css">
<link rel="preload" as="font" type="font/woff2" crossorigin
  href="/style/fonts/bricolage-grotesque-latin.woff2">
<link rel="preload" as="font" type="font/woff2" crossorigin
  href="/style/fonts/hanken-grotesk-latin.woff2">
<link rel="icon" type="image/svg+xml" href="/style/icon.svg">
<script src="/style/page.js" defer></script>
"""


def create_app(settings: Settings) -> FastAPI:
    """The application for one folder of data."""
    uploads = settings.data / _UPLOADS
    uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    app = FastAPI(title="Talking Portrait", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.api_route("/media/{job}/{name:path}", methods=["GET", "HEAD"])
    def show(job: str, name: str) -> FileResponse:
        path = media.find(settings.data, job, name)
        if path is None:
            raise HTTPException(404, "There is no such file.")
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return FileResponse(path, media_type=media.content_type(path), headers=headers)

    app.mount("/style", StaticFiles(directory=STATIC))
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        Page(settings).blocks,
        path="/",
        theme=Studio(),
        head=_HEAD,
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        max_file_size=f"{MAX_RECORDING_MIB}mb",  # smaller limits are told in words,
    )
    return mounted


class _Server(uvicorn.Server):
    """Says where the page is, and ends although pages are open."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            terminal.say(text.serving(self.config.host, self.config.port))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Every open page holds a connection that it would be waited for without end."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        await super().shutdown(sockets)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve the page until the process is told to stop; jobs at work go on without it.

    Raises InputError when nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(InputCode.BAD_OPTION, text.taken(host, port), str(error)) from error
    config = uvicorn.Config(create_app(settings), host=host, port=port, log_level="warning")
    _Server(config).run(sockets=[listener])
