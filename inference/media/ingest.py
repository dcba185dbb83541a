"""Decoding of a user's files into a task's folder, under fixed names."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inference.core.inputs import Picture, Recording, require_one_or_two
from inference.core.task import PICTURE, voice_name
from inference.media.sandbox import read_picture, read_recording


def ingest_files(
    folder: Path, image: Path, recordings: Sequence[Path], turn: int | None = None
) -> tuple[Picture, tuple[Recording, ...]]:
    """Write clean copies of picture and recordings into `folder`, and return their measurements.

    `turn` is that of `read_picture`. All files are read in parallel. Raises the InputError or Fault
    of the first unusable one, the picture before the recordings; no clean copy is left then.
    """
    require_one_or_two(len(recordings))
    folder.mkdir(parents=True, exist_ok=True)
    voices = [folder / voice_name(index) for index in range(len(recordings))]
    try:
        with ThreadPoolExecutor(1 + len(recordings)) as readers:
            picture = readers.submit(read_picture, image, folder / PICTURE, turn)
            sounds = readers.map(read_recording, recordings, voices)
            return picture.result(), tuple(sounds)
    except BaseException:
        for clean in (folder / PICTURE, *voices):
            clean.unlink(missing_ok=True)
        raise
