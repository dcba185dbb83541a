"""Media of a page: their files and the routes that serve them.

Each file goes to its owner alone. Any other request gets the same answer, which does not reveal
what there is.
"""

import hmac
import re
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import NotModifiedResponse

from inference.core.task import PREVIEW, RESULT
from inference.jobs.store import JobStore
from ui.access.identity import Owners
from ui.media.subtitles import SUBTITLES
from ui.media.titles import name_download

SESSIONS_FOLDER = "desks"  # in the data folder: the visitors' files
CROP = "crop.jpg"  # in a job's folder: the picture in its exact frame
_VIDEO_PATH = re.compile(r"(windows|growing)/[0-9]{3}\.mp4")
_SESSION_FILE = re.compile(r"(picture|crop)-[0-9a-f]{32}\.jpg|voice-[0-9a-f]{32}\.wav")
_MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
    ".wav": "audio/wav",
    ".gif": "image/gif",
    ".srt": "application/x-subrip",
}
# A browser may cache the parts of a video that it plays, or each seek would fetch them again; it
# revalidates them first.
_HEADERS = {"Cache-Control": "private, no-cache"}


def build_media_url(job: str, name: str) -> str:
    """Return the address of a job's file; `name` is relative to its folder."""
    return f"/media/{job}/{name}"


def build_download_url(job: str, name: str = RESULT) -> str:
    """Return the address that saves a job's finished video, or another of its files."""
    return f"{build_media_url(job, name)}?download=1"


def build_attachment_header(file_name: str) -> str:
    """Return the Content-Disposition of a download: its name, and in ASCII for old programs."""
    plain = file_name.encode("ascii", "replace").decode().translate({ord(c): "_" for c in '?"%'})
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def build_session_url(name: str) -> str:
    """Return the address of a file in the requesting visitor's session."""
    return f"/media/desk/{name}"


def create_router(data: Path, jobs: JobStore, owners: Owners) -> APIRouter:
    """Return the routes to the media in one data folder."""
    router = APIRouter()

    @router.api_route("/media/desk/{name}", methods=["GET", "HEAD"])
    def show_desk(request: Request, name: str) -> Response:
        path = _find_session_file(data, owners.identify(request.cookies), name)
        return build_response(request, path, whole=not jobs.access.granted)

    @router.api_route("/media/{job}/{name:path}", methods=["GET", "HEAD"])
    def show_job(request: Request, job: str, name: str) -> Response:
        path = _find_job_file(jobs, owners.identify(request.cookies), job, name)
        return build_response(request, path, whole=not jobs.access.granted)

    return router


def build_not_found() -> Response:
    """Return the answer for a file that does not exist or belongs to another owner."""
    return PlainTextResponse("There is no such file.", 404)


def _find_session_file(data: Path, owner: str | None, name: str) -> Path | None:
    """Return the path of a file in the owner's session; None if it is not served."""
    if owner is None or not _SESSION_FILE.fullmatch(name):
        return None
    return data / SESSIONS_FOLDER / owner / name


def _find_job_file(jobs: JobStore, owner: str | None, job: str, name: str) -> Path | None:
    """Return the path of a file of the owner's job; None if it is not served."""
    if name not in (CROP, PREVIEW, RESULT, SUBTITLES) and not _VIDEO_PATH.fullmatch(name):
        return None
    folder = find_owned_folder(jobs, owner, job)
    return folder / name if folder else None


def find_owned_folder(jobs: JobStore, owner: str | None, job: str) -> Path | None:
    """Return the folder of the owner's job; None if it is gone or another's."""
    folder = jobs.find_folder(job)
    if owner is None or folder is None:
        return None
    return folder if hmac.compare_digest(jobs.read_owner(folder), owner) else None


def build_response(request: Request, path: Path | None, whole: bool) -> Response:
    """Return the file or the requested range of it, as a download if the address asks for one.

    `whole`: read the file at once and close it.
    """
    headers = dict(_HEADERS)
    if path and "download" in request.query_params:
        name = name_download(path.parent, path.suffix)
        headers["Content-Disposition"] = build_attachment_header(name)
    try:
        stat = path.stat() if path else None
        # The next preview may replace this one at any moment. On a machine that may not write yet,
        # an open file would hide what the machine before it wrote.
        if path and (whole or path.match(PREVIEW)):
            return Response(
                path.read_bytes(), headers=headers, media_type=_MEDIA_TYPES[path.suffix]
            )
    except FileNotFoundError:
        stat = None
    if path is None or stat is None:
        return build_not_found()
    media_type = _MEDIA_TYPES[path.suffix]
    file = FileResponse(path, headers=headers, media_type=media_type, stat_result=stat)
    if request.headers.get("if-none-match") == file.headers["etag"]:
        return NotModifiedResponse(file.headers)
    return file
