"""The routes of the HTTP API, for the one owner that its token stands for."""

import hmac
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from inference.core.errors import PortraitError
from inference.core.settings import Settings
from inference.core.task import REPORT, RESULT
from inference.jobs import history
from inference.jobs.store import JobStore, State
from inference.media.sandbox.runner import DIRECT, Sandbox
from ui.api import docs, events, view
from ui.api.errors import NOT_KEPT, Refusal, not_found, on_error
from ui.api.intake import Intake
from ui.media.serving import build_attachment_header
from ui.media.titles import name_download

_ERRORS = (Refusal, PortraitError, OSError, HTTPException, Exception)
_NOT_YET = "This job is {state}; there is no {what} yet."
_NONE = "This job is {state}; there is no {what} of it."


class Routes:
    """What can be asked, of the jobs of `owner` alone."""

    def __init__(
        self, settings: Settings, jobs: JobStore, owner: str, sandbox: Sandbox = DIRECT
    ) -> None:
        self._jobs, self._owner = jobs, owner
        self._intake = Intake(settings, jobs, owner, sandbox)

    def application(self) -> Starlette:
        """The routes; whoever asks has shown the token."""
        job = f"{view.JOBS}/{{job}}"
        routes = [
            Route("/api", self.explain),
            Route(view.JOBS, self.submit, methods=["POST"]),
            Route(view.JOBS, self.list_all),
            Route(job, self.show),
            Route(job, self.delete, methods=["DELETE"]),
            Route(f"{job}/events", self.events),
            Route(f"{job}/result", self.result),
            Route(f"{job}/report", self.report),
            Route(f"{job}/cancel", self.cancel, methods=["POST"]),
            Route(f"{job}/resume", self.resume, methods=["POST"]),
        ]
        answer = partial(on_error, folder=self._jobs.data)
        return Starlette(routes=routes, exception_handlers=dict.fromkeys(_ERRORS, answer))

    def explain(self, request: Request) -> Response:
        return PlainTextResponse(docs.page(str(request.base_url)))

    async def submit(self, request: Request) -> Response:
        folder, is_new = await self._intake.take(request)
        await anyio.to_thread.run_sync(self._jobs.access.commit)
        answer = self._shown(folder, 202 if is_new else 200)
        answer.headers["Location"] = view.links(folder)["self"]
        return answer

    def list_all(self, request: Request) -> Response:
        seen = [self._seen(folder) for folder in self._jobs.list_owned(self._owner)]
        return JSONResponse({"jobs": [job for job in seen if job]}, headers=NOT_KEPT)

    def show(self, request: Request) -> Response:
        return self._shown(self._own(request))

    def delete(self, request: Request) -> Response:
        self._jobs.delete(self._own(request))
        self._jobs.access.commit()
        return Response(status_code=204)

    def cancel(self, request: Request) -> Response:
        folder = self._own(request)
        self._jobs.cancel(folder)
        self._jobs.access.commit()
        return self._shown(folder)

    def resume(self, request: Request) -> Response:
        folder = self._own(request)
        if self._jobs.read_state(folder) is State.FINISHED:
            raise Refusal(409, "finished", "This video is finished; nothing of it is left to do.")
        self._jobs.resume(folder)
        self._jobs.access.commit()
        return self._shown(folder)

    def events(self, request: Request) -> Response:
        folder = self._own(request)
        heard = request.headers.get("last-event-id")
        after = _number(request.query_params.get("after") or heard or "-1")
        accepted = request.headers.get("accept", "")
        if request.query_params.get("stream") == "0" or accepted.startswith("application/json"):
            records = history.read_records(folder, after)
            return JSONResponse({"events": [*map(events.plain, records)]}, headers=NOT_KEPT)
        over = self._jobs.read_state(folder) not in events.AT_WORK
        if heard and over and not history.read_records(folder, after):
            return Response(status_code=204)  # tells an event source not to come back
        headers = {**NOT_KEPT, "X-Accel-Buffering": "no"}  # a proxy may collect what it passes on
        stream = events.follow(folder, after)
        return StreamingResponse(stream, media_type=events.STREAM, headers=headers)

    def result(self, request: Request) -> Response:
        folder = self._own(request)
        path = self._made(folder, RESULT, "video", (State.FINISHED, State.CANCELLED))
        name = build_attachment_header(name_download(folder, path.suffix))
        headers = {**NOT_KEPT, "Content-Disposition": name}
        return FileResponse(path, media_type="video/mp4", headers=headers)

    def report(self, request: Request) -> Response:
        path = self._made(self._own(request), REPORT, "report", (State.FINISHED,))
        return FileResponse(path, media_type="application/json", headers=NOT_KEPT)

    def _made(self, folder: Path, name: str, what: str, states: tuple[State, ...]) -> Path:
        """The file of that name, which jobs in one of `states` may have. Raises Refusal."""
        state = self._jobs.read_state(folder)
        if state in events.AT_WORK:
            raise Refusal(409, "not_finished", _NOT_YET.format(state=state, what=what))
        if state not in states or not (folder / name).exists():
            raise Refusal(409, f"no_{what}", _NONE.format(state=state, what=what))
        return folder / name

    def _own(self, request: Request) -> Path:
        """The folder of the job that is asked for. Raises Refusal."""
        folder = self._jobs.find_folder(request.path_params["job"])
        owner = self._jobs.read_owner(folder) if folder else ""
        if folder is None or not hmac.compare_digest(owner, self._owner):
            raise not_found()
        return folder

    def _shown(self, folder: Path, status: int = 200) -> Response:
        seen = self._seen(folder)
        if seen is None:
            raise not_found()
        return JSONResponse(seen, status, NOT_KEPT)

    def _seen(self, folder: Path) -> dict[str, Any] | None:
        """The job; None for one that was deleted just now."""
        try:
            return view.see(self._jobs, folder)
        except FileNotFoundError:
            return None


def _number(text: str) -> int:
    try:
        return max(-1, int(text))
    except ValueError:
        message = f"{text[:40]!r} is no event's number. Give the id of the last one you have."
        raise Refusal(400, "bad_option", message) from None
