"""Decoding of a user's files in the sandbox: pictures and recordings, alone or for a task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.core.errors import InputCode
from inference.core.inputs import Box, Face, Picture, Recording, require_one_or_two
from inference.core.task import PICTURE, voice_name
from inference.media.sandbox.runner import DIRECT, Call, Operation, Sandbox

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
    return _parse_picture(fields)


def read_recording(source: Path, target: Path, sandbox: Sandbox = DIRECT) -> Recording:
    """Write a clean 48 kHz copy of the recording `source` to `target`, and return its measurements.

    Raises InputError when `source` is unusable, Fault when `target` can't be written; no `target`
    is left then.
    """
    (fields,) = sandbox.run(Call(RECORDING_OPERATION, source, target))
    return Recording(**fields)


def _call_for_picture(source: Path, target: Path, turn: int | None = None) -> Call:
    """Return the call that `read_picture` makes."""
    return Call(PICTURE_OPERATION, source, target, () if turn is None else (turn,))


def _parse_picture(fields: dict[str, Any]) -> Picture:
    """Return the picture that a call of `PICTURE_OPERATION` measured."""
    faces = tuple(Face(**face | {"box": Box(**face["box"])}) for face in fields["faces"])
    return Picture(**fields | {"faces": faces})


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
    picture, *voices = sandbox.run(
        _call_for_picture(image, folder / PICTURE, turn),
        *(
            Call(RECORDING_OPERATION, recording, folder / voice_name(index))
            for index, recording in enumerate(recordings)
        ),
    )
    return _parse_picture(picture), tuple(Recording(**voice) for voice in voices)
