"""Errors that are shown to the user, by whose side the cause is on.

    PortraitError            a sentence for the user, a code for programs, details for the log
    ├── InputError           invalid input (exit status 2); its codes are `InputCode`
    └── Fault                failure of the product or machine (exit status 1); `FaultCode`

A message states the value found, the value wanted, and the remedy.
"""

import errno
import os
from enum import StrEnum
from pathlib import Path


class InputCode(StrEnum):
    """Code of an invalid input."""

    NOT_FOUND = "not_found"
    EMPTY_FILE = "empty_file"
    NOT_A_PICTURE = "not_a_picture"
    PICTURE_TOO_LARGE = "picture_too_large"
    PICTURE_MOVES = "picture_moves"
    NOT_A_RECORDING = "not_a_recording"
    RECORDING_TOO_LARGE = "recording_too_large"
    NOT_A_VIDEO = "not_a_video"
    VIDEO_TOO_LARGE = "video_too_large"
    NO_SOUND = "no_sound"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    SILENT = "silent"
    NO_FACE = "no_face"
    TOO_FEW_FACES = "too_few_faces"
    BAD_OPTION = "bad_option"


class FaultCode(StrEnum):
    """Code of a failure of the product or the machine."""

    ENGINE_UNAVAILABLE = "engine_unavailable"
    OUTPUT_NOT_WRITABLE = "output_not_writable"
    DISK_FULL = "disk_full"
    OUT_OF_MEMORY = "out_of_memory"
    QUEUE_FULL = "queue_full"
    BAD_WINDOW = "bad_window"  # the model's output is too defective to continue
    STORAGE = "storage"  # the bucket can't be used
    UNREADABLE = "unreadable"  # a stored file is damaged
    MOVING = "moving"  # another machine holds the write access to the data folder
    INTERNAL = "internal"


class PortraitError(Exception):
    """Failure that one sentence describes to the user.

    `message` is that sentence (or two: the finding and the remedy). `details` go to the log.
    """

    def __init__(self, code: InputCode | FaultCode, message: str, details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class InputError(PortraitError):
    """Failure that the user can fix with another input."""

    def __init__(self, code: InputCode, message: str, details: str = "") -> None:
        super().__init__(code, message, details)


class Fault(PortraitError):
    """Failure of the product or the machine; the input is not its cause."""

    def __init__(self, code: FaultCode, message: str, details: str = "") -> None:
        super().__init__(code, message, details)


def build_no_face_error(details: str = "") -> InputError:
    """Return the error for a picture, or a part of one, that shows no face."""
    message = (
        "No face was found in this picture. A draft needs one that looks roughly at the camera, "
        "is at least 60 pixels wide and shows the mouth."
    )
    return InputError(InputCode.NO_FACE, message, details)


def build_no_mouth_error() -> InputError:
    """Return the error for a face whose mouth the frame cuts off."""
    message = (
        "The mouth lies outside the frame. Adjust the framing, or choose a picture that shows "
        "the whole face."
    )
    return InputError(InputCode.NO_FACE, message)


def from_code(code: str, message: str, details: str = "") -> PortraitError:
    """Return the error for `code`; an unknown code gives a `Fault` of code `internal`."""
    if code in set(InputCode):
        return InputError(InputCode(code), message, details)
    known = FaultCode(code) if code in set(FaultCode) else FaultCode.INTERNAL
    return Fault(known, message, details)


def from_os_error(error: OSError, folder: Path | None = None) -> Fault:
    """Return the `Fault` for a failed read or write in `folder`, or where `error` says."""
    if folder is None and error.filename and not isinstance(error.filename, int):
        folder = Path(os.fsdecode(error.filename)).parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f": there is no room for {folder}" if folder else ""
        message = f"The disk is full{where}. Free some space and try again."
        return Fault(FaultCode.DISK_FULL, message, str(error))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        which = f"The folder {folder}" if folder else "This folder"
        message = f"{which} can't be written to. Make it writable, or choose another place."
        return Fault(FaultCode.OUTPUT_NOT_WRITABLE, message, str(error))
    return Fault(FaultCode.INTERNAL, "A file could not be read or written. Try again.", str(error))
