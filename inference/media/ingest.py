"""Decoding of a user's files into a task's folder, under fixed names."""

from collections.abc import Sequence
from pathlib import Path

from inference.core.inputs import Picture, Recording, require_one_or_two
from inference.core.task import PICTURE, voice_name
from inference.media.sandbox import (
    DIRECT,
    RECORDING_OPERATION,
    Call,
    Sandbox,
    call_for_picture,
    parse_picture,
)


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
        call_for_picture(image, folder / PICTURE, turn),
        *(
            Call(RECORDING_OPERATION, recording, folder / voice_name(index))
            for index, recording in enumerate(recordings)
        ),
    )
    return parse_picture(picture), tuple(Recording(**voice) for voice in voices)
