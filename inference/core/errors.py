"""Every error that reaches a person, and whose it is to mend.

    PortraitError            one sentence for the person, a code for programs, details for the log
    ├── InputError           what the person gave (exit status 2); its codes are `InputCode`
    └── Fault                ours or the machine's (exit status 1); its codes are `FaultCode`

A message says what was found, what is wanted, and what to do.
"""

import errno
from enum import StrEnum


class InputCode(StrEnum):
    """What can be wrong with what the person gave."""

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
    """What can be wrong on our side or with the machine."""

    ENGINE_UNAVAILABLE = "engine_unavailable"
    OUTPUT_NOT_WRITABLE = "output_not_writable"
    DISK_FULL = "disk_full"
    OUT_OF_MEMORY = "out_of_memory"
    QUEUE_FULL = "queue_full"
    BAD_WINDOW = "bad_window"  # what came out of the model is not worth going on with
    STORAGE = "storage"  # the bucket could not be used
    MOVING = "moving"  # another machine changes the folder of data for now
    INTERNAL = "internal"


class PortraitError(Exception):
    """A failure that a person can be told of in one sentence.

    `message` is that sentence (or two: what was found; what to do). `details` is for the log.
    """

    def __init__(self, code: InputCode | FaultCode, message: str, details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class InputError(PortraitError):
    """The person can mend it by giving something else."""

    def __init__(self, code: InputCode, message: str, details: str = "") -> None:
        super().__init__(code, message, details)


class Fault(PortraitError):
    """Nothing the person gave is wrong: the product or the machine is."""

    def __init__(self, code: FaultCode, message: str, details: str = "") -> None:
        super().__init__(code, message, details)


def build_no_face_error(details: str = "") -> InputError:
    """The refusal of a picture, or of a part of one, that shows no face."""
    message = (
        "No face was found in this picture. A draft needs one that looks roughly at the camera, "
        "is at least 60 pixels wide and shows the mouth."
    )
    return InputError(InputCode.NO_FACE, message, details)


def from_code(code: str, message: str, details: str = "") -> PortraitError:
    """The error that a code names; an unknown code is a `Fault` of code `internal`."""
    if code in set(InputCode):
        return InputError(InputCode(code), message, details)
    known = FaultCode(code) if code in set(FaultCode) else FaultCode.INTERNAL
    return Fault(known, message, details)


def from_os_error(error: OSError) -> Fault:
    """The `Fault` that tells a person of a failed read or write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = "The disk is full. Free some space and try again."
        return Fault(FaultCode.DISK_FULL, message, str(error))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        message = "This folder can't be written to. Choose another place for the video."
        return Fault(FaultCode.OUTPUT_NOT_WRITABLE, message, str(error))
    return Fault(FaultCode.INTERNAL, "A file could not be read or written. Try again.", str(error))
