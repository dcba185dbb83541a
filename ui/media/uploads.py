"""Uploads: files received from a browser, each used by one action.

A file is named by random digits; the visitor's own name for it reaches no path. It is written as it
arrives, never held in memory, and is not opened here.
"""

import math
import secrets
import shutil
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

from inference.core.errors import (
    Fault,
    FaultCode,
    InputCode,
    InputError,
    PortraitError,
    from_os_error,
)
from inference.core.files import create_locked, delete_path, isolate
from inference.core.inputs import MAX_PICTURE_MIB, MAX_RECORDING_MIB
from inference.core.write_access import SoleWriter, WriteAccess, WriteUnavailable
from inference.jobs import lock
from inference.jobs.store import ID
from ui.access.identity import Owners
from ui.strings import text

UPLOADS_FOLDER = "uploads"
UPLOAD_ROUTE = "/upload"
MAX_PENDING = 5  # unused uploads of one visitor; the oldest is deleted
# ... and of all visitors, who may be one that invents cookies; so the oldest are deleted here, too
MAX_ALL_PENDING, MAX_ALL_PENDING_BYTES = 1000, 2 * 2**30
MIN_FREE_BYTES = 2**29  # on the disk, for the work on what is there already
MAX_AGE_S = 3600  # of an unused upload
HEADER = "X-Portrait"  # other sites' forms can't send it
_PART = ".part"
_ID_BYTES = 16
_MIB = 2**20
_BLOCK_BYTES = 4096  # that even an empty file takes
_ROOM_STEP_BYTES = 4 * _MIB  # received between two looks at the space left
_PATIENCE_S = 600  # with an upload on its way
_STATUS_CODES = {
    InputCode.PICTURE_TOO_LARGE: 413,
    InputCode.RECORDING_TOO_LARGE: 413,
    FaultCode.MOVING: 503,
    FaultCode.QUEUE_FULL: 429,
    FaultCode.DISK_FULL: 507,
}


class UploadKind(StrEnum):
    """Claimed kind of an upload; decoding checks it."""

    PICTURE = "picture"
    VOICE = "voice"

    def require_size(self, length: int) -> None:
        """Raise InputError if a file of `length` bytes is too large for this kind."""
        size = math.ceil(length / _MIB)
        if self is UploadKind.PICTURE and length > MAX_PICTURE_MIB * _MIB:
            raise InputError(InputCode.PICTURE_TOO_LARGE, text.PICTURE_TOO_BIG.format(size=size))
        if self is UploadKind.VOICE and length > MAX_RECORDING_MIB * _MIB:
            raise InputError(InputCode.RECORDING_TOO_LARGE, text.VOICE_TOO_BIG.format(size=size))


class UploadStore:
    """Uploads in one data folder; each belongs to its owner.

    `knows_disk`: whether the folder's disk tells how much space is left.
    """

    def __init__(
        self, data: Path, access: WriteAccess | None = None, knows_disk: bool = True
    ) -> None:
        self.data, self._root = data, data / UPLOADS_FOLDER
        self._access, self._knows_disk = access or SoleWriter(), knows_disk
        # In memory, not in the files' names: another machine has to find them as they were sent.
        self._claimed: set[Path] = set()
        self._claim_lock = threading.Lock()

    async def receive(self, owner: str, kind: UploadKind, chunks: AsyncIterable[bytes]) -> str:
        """Store `chunks` as a new upload; return its id.

        Raises InputError if it is too large, Fault if there is no space, WriteUnavailable, OSError;
        nothing is left then.
        """
        with self._access.hold():
            folder = await anyio.to_thread.run_sync(self._make_room, owner)
            part = folder / f"{secrets.token_hex(_ID_BYTES)}{_PART}"
            granted = iterate_while_granted(chunks, self._access)
            try:
                with anyio.fail_after(_PATIENCE_S):
                    await write_chunks(part, kind, self._iterate_while_room(part, granted))
                part.rename(part.with_suffix(""))
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            return part.stem

    @contextmanager
    def claim(self, owner: str, upload: str) -> Iterator[Path]:
        """Yield the file of an upload to the first caller, and delete it at the end.

        It is not deleted on WriteUnavailable: the same request will be repeated, maybe to another
        machine.
        Raises InputError if there is no such upload, it is not the owner's, or it is claimed
        already.
        """
        path = self._root / owner / upload
        with self._claim_lock:
            if not ID.fullmatch(upload) or path in self._claimed or not path.exists():
                raise InputError(InputCode.NOT_FOUND, text.UPLOAD_GONE)
            self._claimed.add(path)
        try:
            yield path
        except WriteUnavailable:
            raise
        except Exception:
            self._access.require()  # or the wrong machine would answer
            path.unlink(missing_ok=True)
            raise
        else:
            with suppress(WriteUnavailable):  # its result is saved already
                self._access.require()
                path.unlink(missing_ok=True)
        finally:
            self._claimed.discard(path)

    def _make_room(self, owner: str) -> Path:
        """Return the owner's folder, after deleting its oldest uploads beyond the limit."""
        folder = self._root / owner
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        unused = [path for path in folder.iterdir() if path not in self._claimed]
        for path in sorted(unused, key=_read_mtime, reverse=True)[MAX_PENDING - 1 :]:
            path.unlink(missing_ok=True)
        return folder

    async def _iterate_while_room(
        self, part: Path, chunks: AsyncIterable[bytes]
    ) -> AsyncIterator[bytes]:
        """Yield the `chunks` for `part` while there is space for them.

        Raises Fault, and FileNotFoundError when `part` was deleted to make room for newer ones.
        """
        length = unchecked = 0
        async for chunk in chunks:
            if length >= unchecked:
                await anyio.to_thread.run_sync(self._require_room, part)
                unchecked = length + _ROOM_STEP_BYTES
            length += len(chunk)
            yield chunk

    def _require_room(self, part: Path) -> None:
        """Raise Fault unless the upload can go on; delete the oldest unused ones for it."""
        part.stat()
        if self._knows_disk:
            require_free_disk(self._root)
        sizes = {path: max(_BLOCK_BYTES, size) for path, size in _measure_files(self._root)}
        unused = [path for path in sizes if path != part and path not in self._claimed]
        oldest_first = iter(sorted(unused, key=_read_mtime))
        while len(sizes) > MAX_ALL_PENDING or sum(sizes.values()) > MAX_ALL_PENDING_BYTES:
            oldest = next(oldest_first, None)
            if oldest is None:
                raise Fault(FaultCode.QUEUE_FULL, text.TOO_MANY_UPLOADS)
            oldest.unlink(missing_ok=True)
            del sizes[oldest]

    def delete_expired(self) -> None:
        """Delete expired uploads, and folders that are empty then."""
        self._delete_expired_files()
        for folder in self._root.glob("*"):
            self._access.require()
            with suppress(OSError):  # not empty: a newer upload
                folder.rmdir()

    def delete_leftovers(self) -> None:
        """Delete the half-received files of killed processes."""
        for folder in self._root.glob("*"):
            self._access.require()
            lock.delete_unheld(folder)

    def _delete_expired_files(self) -> None:
        now_s = time.time()
        for path in self._root.glob("*/*"):
            # a time to come is of a wrong clock
            with isolate(path):
                if path not in self._claimed and abs(now_s - _read_mtime(path)) > MAX_AGE_S:
                    self._access.require()
                    delete_path(path)


def require_free_disk(folder: Path) -> None:
    """Raise Fault when less than `MIN_FREE_BYTES` are free on the disk of `folder`."""
    if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
        raise Fault(FaultCode.DISK_FULL, text.DISK_NEARLY_FULL)


async def iterate_while_granted(
    chunks: AsyncIterable[bytes], access: WriteAccess
) -> AsyncIterator[bytes]:
    """Yield `chunks` while `access` is granted. Raises WriteUnavailable."""
    async for chunk in chunks:
        access.require()
        yield chunk


async def write_chunks(path: Path, kind: UploadKind, chunks: AsyncIterable[bytes]) -> None:
    """Write `chunks` to the new file `path` as they arrive.

    Raises InputError as soon as they are too large, and OSError.
    """
    length = 0
    async with anyio.wrap_file(await anyio.to_thread.run_sync(create_locked, path)) as file:
        async for chunk in chunks:
            length += len(chunk)
            kind.require_size(length)
            await file.write(chunk)


def create_router(uploads: UploadStore, owners: Owners) -> APIRouter:
    """Return the route that receives a file as a request's body; `?kind=` names its kind."""
    router = APIRouter()

    @router.post(UPLOAD_ROUTE)
    async def receive(request: Request, kind: str = "") -> JSONResponse:
        owner = owners.identify(request.cookies)
        if owner is None:
            return _build_refusal(403, text.NO_COOKIE)
        if HEADER not in request.headers or kind not in set(UploadKind):
            return _build_refusal(400, text.BROKE)
        try:
            UploadKind(kind).require_size(int(request.headers.get("content-length", 0)))
            upload = await uploads.receive(owner, UploadKind(kind), request.stream())
        # too slow, or deleted to make room for newer ones
        except (ClientDisconnect, TimeoutError, FileNotFoundError):
            return _build_refusal(409, text.UPLOAD_GONE)
        except (PortraitError, OSError) as error:
            refusal = from_os_error(error, uploads.data) if isinstance(error, OSError) else error
            return _build_refusal(_STATUS_CODES.get(refusal.code, 500), refusal.message)
        return JSONResponse({"upload": upload})

    return router


def _build_refusal(status: int, sentence: str) -> JSONResponse:
    again = {"again": True} if status == _STATUS_CODES[FaultCode.MOVING] else {}
    return JSONResponse({"message": sentence} | again, status)


def _measure_files(root: Path) -> Iterator[tuple[Path, int]]:
    """Yield all uploads and their sizes in bytes."""
    for path in root.glob("*/*"):
        with suppress(FileNotFoundError):
            yield path, path.stat().st_size


def _read_mtime(path: Path) -> float:
    """Return the file's modification time in seconds; infinity if it was just deleted."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf
