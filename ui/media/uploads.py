"""Files on their way from a browser to its desk: received here, then used by one action.

A file is named by random digits; the person's own name for it reaches no path. It is written as it
comes, never held in memory, and is not opened here.
"""

import math
import secrets
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from inference.core.errors import FaultCode, InputCode, InputError, PortraitError, disk_fault
from inference.core.request import MAX_PICTURE_MIB, MAX_RECORDING_MIB
from inference.core.write_access import Moving, SoleWriter, WriteAccess
from inference.jobs.store import ID
from ui.access.identity import Owners
from ui.strings import text

UPLOADS = "uploads"
PENDING = 5  # uploads of one person that no action uses; the oldest makes room
LASTS_S = 3600  # until an upload that nobody uses goes
HEADER = "X-Portrait"  # other sites' forms can't send it
_PART = ".part"
_ID_BYTES = 16
_MIB = 2**20
_STATUS = {
    InputCode.PICTURE_TOO_LARGE: 413,
    InputCode.RECORDING_TOO_LARGE: 413,
    FaultCode.MOVING: 503,
    FaultCode.DISK_FULL: 507,
}


class Kind(StrEnum):
    """What an upload is said to be; what it is shows when it is decoded."""

    PICTURE = "picture"
    VOICE = "voice"

    def check(self, length: int) -> None:
        """Refuse, as an InputError, a file of more bytes than this kind may have."""
        size = math.ceil(length / _MIB)
        if self is Kind.PICTURE and length > MAX_PICTURE_MIB * _MIB:
            raise InputError(InputCode.PICTURE_TOO_LARGE, text.PICTURE_TOO_BIG.format(size=size))
        if self is Kind.VOICE and length > MAX_RECORDING_MIB * _MIB:
            raise InputError(InputCode.RECORDING_TOO_LARGE, text.VOICE_TOO_BIG.format(size=size))


class Uploads:
    """The uploads in one folder of data; each belongs to its owner."""

    def __init__(self, data: Path, access: WriteAccess | None = None) -> None:
        self._root, self._access = data / UPLOADS, access or SoleWriter()
        # Only here, not by their names: another machine is to find them as they were sent.
        self._lent: set[Path] = set()
        self._lending = threading.Lock()

    async def receive(self, owner: str, kind: Kind, chunks: AsyncIterable[bytes]) -> str:
        """The id of a new upload that holds `chunks`, complete on disk.

        Raises InputError when it is too large, Moving, OSError; nothing is left then.
        """
        with self._access.turn():
            self._sweep_files()
            part = self._room(owner) / f"{secrets.token_hex(_ID_BYTES)}{_PART}"
            try:
                await write(part, kind, in_turn(chunks, self._access))
                part.rename(part.with_suffix(""))
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            return part.stem

    @contextmanager
    def lent(self, owner: str, upload: str) -> Iterator[Path]:
        """The file of an upload, to be read by whoever asks first; it goes at the end, unless that
        is Moving: then the same will be asked again, maybe of another machine.

        Raises InputError when there is none of that id, it is not the owner's, or somebody has it.
        """
        path = self._root / owner / upload
        with self._lending:
            if not ID.fullmatch(upload) or path in self._lent or not path.exists():
                raise InputError(InputCode.NOT_FOUND, text.UPLOAD_GONE)
            self._lent.add(path)
        try:
            yield path
        except Moving:
            raise
        except Exception:
            self._access.require()  # what is said now would be said by the wrong machine
            path.unlink(missing_ok=True)
            raise
        else:
            with suppress(Moving):  # what was made of it is saved, and that is what counts
                self._access.require()
                path.unlink(missing_ok=True)
        finally:
            self._lent.discard(path)

    def _room(self, owner: str) -> Path:
        """The owner's folder, with room for one more upload: the oldest of too many goes."""
        folder = self._root / owner
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        unused = [path for path in folder.iterdir() if path not in self._lent]
        for path in sorted(unused, key=_written_at, reverse=True)[PENDING - 1 :]:
            path.unlink(missing_ok=True)
        return folder

    def sweep(self) -> None:
        """Remove what anyone left behind: files, and folders that are empty by then."""
        self._sweep_files()
        for folder in self._root.glob("*"):
            self._access.require()
            with suppress(OSError):  # a newer file is in there
                folder.rmdir()

    def _sweep_files(self) -> None:
        then = time.time() - LASTS_S
        for path in self._root.glob("*/*"):
            if path not in self._lent and _written_at(path) < then:
                self._access.require()
                path.unlink(missing_ok=True)


async def in_turn(chunks: AsyncIterable[bytes], access: WriteAccess) -> AsyncIterator[bytes]:
    """`chunks`, as long as what is made of them may be written. Raises Moving."""
    async for chunk in chunks:
        access.require()
        yield chunk


async def write(path: Path, kind: Kind, chunks: AsyncIterable[bytes]) -> None:
    """Write `chunks` to the new file `path` as they come.

    Raises InputError as soon as they are too large, and OSError.
    """
    length = 0
    async with await anyio.open_file(path, "xb") as file:
        async for chunk in chunks:
            length += len(chunk)
            kind.check(length)
            await file.write(chunk)


def routes(uploads: Uploads, owners: Owners) -> APIRouter:
    """The route that receives a file as the body of a request; `?kind=` says what it is."""
    router = APIRouter()

    @router.post("/upload")
    async def receive(request: Request, kind: str = "") -> JSONResponse:
        owner = owners.owner_of(request.cookies)
        if owner is None:
            return _refusal(403, text.NO_COOKIE)
        if HEADER not in request.headers or kind not in set(Kind):
            return _refusal(400, text.BROKE)
        try:
            Kind(kind).check(int(request.headers.get("content-length", 0)))
            upload = await uploads.receive(owner, Kind(kind), request.stream())
        except (ClientDisconnect, FileNotFoundError):  # nobody listens, or newer ones took its room
            return _refusal(409, text.UPLOAD_GONE)
        except (PortraitError, OSError) as error:
            told = disk_fault(error) if isinstance(error, OSError) else error
            return _refusal(_STATUS.get(told.code, 500), told.message)
        return JSONResponse({"upload": upload})

    return router


def _refusal(status: int, sentence: str) -> JSONResponse:
    again = {"again": True} if status == _STATUS[FaultCode.MOVING] else {}
    return JSONResponse({"message": sentence} | again, status)


def _written_at(path: Path) -> float:
    """When the file was last written, in seconds; a file that just went counts as new."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf
