"""Files beside a finished video: a GIF and a still, made when asked for and kept with the job.

They are made in the sandbox, in turn with visitors' files, and never on the server's event loop.
"""

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from inference.core.errors import InputCode, InputError, PortraitError, from_os_error
from inference.core.files import write_whole
from inference.core.task import DERIVED, GIF, RESULT, STILL
from inference.jobs.store import JobStore, State
from inference.media.sandbox.runner import Budget, Call, Operation, Sandbox
from ui.access.identity import Owners
from ui.media.decoding import DecodingQueue
from ui.media.serving import build_not_found, build_response, find_owned_folder
from ui.strings import text

MAX_GIF_S = 60  # of a video that is made into a GIF
_BUDGET = Budget(cpu_s=60, wall_s=180)


def _describe(function: str) -> Operation:
    entry, code = f"inference.rendering.derived:{function}", InputCode.BAD_OPTION
    return Operation(entry, "video", code, code, _BUDGET)


_MAKERS = {GIF: (_describe("write_gif"), (MAX_GIF_S,)), STILL: (_describe("write_still"), ())}


def create_router(jobs: JobStore, owners: Owners, decoding: DecodingQueue) -> APIRouter:
    """Return the routes to the files that are made on request."""
    router = APIRouter()

    async def show(request: Request, job: str) -> Response:
        name, owner = request.url.path.rpartition("/")[2], owners.identify(request.cookies)
        folder = await anyio.to_thread.run_sync(find_owned_folder, jobs, owner, job)
        if owner is None or folder is None:
            return build_not_found()
        try:
            if not (folder / name).exists():
                turn = decoding.start(owner, partial(_make, jobs, folder, name, decoding))
                await asyncio.wait({turn.task})  # which goes on when nobody waits any more
                turn.task.result()
        except FileNotFoundError:  # deleted meanwhile, or there is no video
            return build_not_found()
        except (PortraitError, OSError) as failure:
            error = from_os_error(failure, folder) if isinstance(failure, OSError) else failure
            status = 409 if isinstance(error, InputError) else 503
            return PlainTextResponse(error.message, status, {"Cache-Control": "no-store"})
        build = partial(build_response, request, folder / name, whole=not jobs.access.granted)
        return await anyio.to_thread.run_sync(build)

    for name in DERIVED:
        router.add_api_route(f"/media/{{job}}/{name}", show, methods=["GET", "HEAD"])
    return router


def _make(jobs: JobStore, folder: Path, name: str, sandbox: Sandbox) -> None:
    """Make the file of that name of the job's video, unless it is there by now.

    Raises PortraitError, and OSError when there is no video.
    """
    _require_ended(jobs, folder)
    operation, numbers = _MAKERS[name]
    if (folder / name).exists():
        return
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / name
        try:
            sandbox.run(Call(operation, folder / RESULT, made, numbers))
        except InputError as error:
            if error.code is InputCode.TOO_LONG:
                raise
            raise InputError(InputCode.BAD_OPTION, text.FILE_NOT_MADE, error.details) from error
        with jobs.access.hold():
            _require_ended(jobs, folder)
            write_whole(folder / name, made.read_bytes())


def _require_ended(jobs: JobStore, folder: Path) -> None:
    """Raise FileNotFoundError unless the job has a video, and it stays as it is."""
    ended = jobs.read_state(folder) in (State.FINISHED, State.CANCELLED)
    if not ended or not (folder / RESULT).exists():
        raise FileNotFoundError(folder / RESULT)
