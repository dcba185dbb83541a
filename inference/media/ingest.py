"""Decoding of a user's files in the sandbox: pictures and recordings, alone or for a task."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from inference.core.errors import InputCode, PortraitError
from inference.core.inputs import LONGEST_SIDE_PX, Picture, Recording, require_one_or_two
from inference.core.task import PICTURE, voice_name
from inference.media.sandbox.runner import (
    DIRECT,
    Call,
    Operation,
    Sandbox,
    build_damaged_error,
)

_T = TypeVar("_T")
_PICTURE, _RECORDING = TypeAdapter(Picture), TypeAdapter(Recording)
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PNG_HEAD = struct.Struct(">16sII")  # with width and height

PICTURE_OPERATION = Operation(
    "inference.media.picture:clean_picture",
    "picture",
    InputCode.NOT_A_PICTURE,
    InputCode.PICTURE_TOO_LARGE,
)
RECORDING_OPERATION = Operation(
    "inference.media.recording:clean_recording",
    "recording",
    InputCode.NOT_A_RECORDING,
    InputCode.RECORDING_TOO_LARGE,
)


def read_picture(
    source: Path, target: Path, turn: int | None = None, sandbox: Sandbox = DIRECT
) -> Picture:
    """Write a clean copy of the picture `source` to `target`, and return its size and faces.

    It is turned by `turn` degrees clockwise; None: until its faces stand upright. Faces are ordered
    left to right. Raises InputError when `source` is unusable, Fault when `target` can't be
    written; no `target` is left then.
    """
    (fields,) = sandbox.run(_call_for_picture(source, target, turn))
    with _leaving_none(target):
        return _parse_picture(fields, target)


def read_recording(source: Path, target: Path, sandbox: Sandbox = DIRECT) -> Recording:
    """Write a clean 48 kHz copy of the recording `source` to `target`, and return its measurements.

    Raises InputError when `source` is unusable, Fault when `target` can't be written; no `target`
    is left then.
    """
    (fields,) = sandbox.run(Call(RECORDING_OPERATION, source, target))
    with _leaving_none(target):
        return _parse_recording(fields)


def _call_for_picture(source: Path, target: Path, turn: int | None = None) -> Call:
    """Return the call that `read_picture` makes."""
    return Call(PICTURE_OPERATION, source, target, () if turn is None else (turn,))


def _parse_picture(fields: dict[str, Any], clean: Path) -> Picture:
    """Return the picture that a call of `PICTURE_OPERATION` measured.

    The decoder may have become anyone's: raises InputError for anything else, and when `clean` is
    no picture that can be unpacked in a moment.
    """
    with clean.open("rb") as file:
        head = file.read(_PNG_HEAD.size)
    if len(head) < _PNG_HEAD.size:
        raise build_damaged_error(PICTURE_OPERATION, "the clean picture is cut")
    signature, width, height = _PNG_HEAD.unpack(head)
    if signature != _PNG_SIGNATURE or max(width, height) > LONGEST_SIDE_PX:
        raise build_damaged_error(PICTURE_OPERATION, f"the clean picture begins with {head!r}")
    return _parse(PICTURE_OPERATION, _PICTURE, fields)


def _parse_recording(fields: dict[str, Any]) -> Recording:
    """Return the recording that a call measured. Raises InputError for anything else."""
    return _parse(RECORDING_OPERATION, _RECORDING, fields)


@contextmanager
def _leaving_none(*targets: Path) -> Iterator[None]:
    """Delete the targets when an error is raised."""
    try:
        yield
    except PortraitError:
        for target in targets:
            target.unlink(missing_ok=True)
        raise


def _parse(operation: Operation, adapter: TypeAdapter[_T], fields: dict[str, Any]) -> _T:
    try:
        return adapter.validate_python(fields)
    except ValueError as error:
        raise build_damaged_error(operation, repr(error)) from error


def ingest_files(
    folder: Path,
    image: Path,
    recordings: Sequence[Path],
    turn: int | None = None,
    sandbox: Sandbox = DIRECT,
) -> tuple[Picture, tuple[Recording, ...]]:
    """Write clean copies of picture and recordings into `folder`, and return their measurements.

    All files are read in parallel. Raises the InputError or Fault of the first unusable one, the
    picture before the recordings; no clean copy is left then.
    """
    require_one_or_two(len(recordings))
    folder.mkdir(parents=True, exist_ok=True)
    targets = (folder / PICTURE, *(folder / voice_name(at) for at in range(len(recordings))))
    picture, *voices = sandbox.run(
        _call_for_picture(image, folder / PICTURE, turn),
        *(
            Call(RECORDING_OPERATION, recording, target)
            for recording, target in zip(recordings, targets[1:], strict=True)
        ),
    )
    with _leaving_none(*targets):
        return _parse_picture(picture, folder / PICTURE), tuple(map(_parse_recording, voices))
