"""What the HTTP API answers when it can't do what was asked: always one code and one sentence."""

import logging
from collections.abc import Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from inference.core.errors import FaultCode, InputCode, InputError, PortraitError, from_os_error

logger = logging.getLogger(__name__)

NOT_KEPT = {"Cache-Control": "no-store"}  # no proxy may give an answer to anybody else
LATER = {"Retry-After": "10"}
_STATUS: Mapping[InputCode | FaultCode, int] = {
    InputCode.NOT_FOUND: 404,
    InputCode.PICTURE_TOO_LARGE: 413,
    InputCode.RECORDING_TOO_LARGE: 413,
    InputCode.NOT_A_PICTURE: 415,
    InputCode.PICTURE_MOVES: 415,
    InputCode.NOT_A_RECORDING: 415,
    FaultCode.QUEUE_FULL: 429,
    FaultCode.ENGINE_UNAVAILABLE: 503,
    FaultCode.MOVING: 503,
    FaultCode.DISK_FULL: 507,
}
_ROUTE = {
    404: ("not_found", "There is nothing at this address. GET /api lists all there is."),
    405: ("bad_method", "This address does not take this method. GET /api lists all there is."),
}


class Refusal(Exception):
    """An answer that is no result, with its HTTP status; `code` is for programs."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}


def not_found() -> Refusal:
    """Of a job that is not there, or another's: the same, so that it tells nothing."""
    return Refusal(404, InputCode.NOT_FOUND, "There is no such job.")


def answer(refusal: Refusal) -> JSONResponse:
    """The refusal as what is sent."""
    error = {"code": refusal.code, "message": refusal.message}
    return JSONResponse({"error": error}, refusal.status, {**NOT_KEPT, **refusal.headers})


async def on_error(request: Request, error: Exception, folder: Path) -> JSONResponse:
    """The answer to a request that ended in `error`; `folder` is that of the data."""
    return answer(_refusal(error, folder))


def _refusal(error: Exception, folder: Path) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException):  # of the routes
        code, message = _ROUTE.get(error.status_code, ("bad_request", "This was not understood."))
        return Refusal(error.status_code, code, message, error.headers)
    if isinstance(error, ClientDisconnect):  # nobody hears it
        return Refusal(400, "broken_off", "The request did not arrive whole. Send it again.")
    if isinstance(error, OSError):
        error = from_os_error(error, folder)
    if isinstance(error, PortraitError):
        if not isinstance(error, InputError):
            logger.warning("%s: %s", error.code, error.details or error.message)
        status = _STATUS.get(error.code, 400 if isinstance(error, InputError) else 500)
        return Refusal(status, error.code, error.message, LATER if status in (429, 503) else None)
    return Refusal(500, FaultCode.INTERNAL, "Something broke on our side. Try again.")
