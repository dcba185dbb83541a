"""The videos that a folder asks for: as its table says, or pictures and recordings by name."""

from collections import defaultdict
from pathlib import Path

from inference.batch import csv_input
from inference.batch.item import Row, told_apart
from inference.core.errors import InputCode, InputError

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
RECORDINGS = {".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".webm", ".mp4", ".mov"}
_SECOND = "-2"  # what the name of the right person's recording ends in


def rows(source: Path) -> list[Row]:
    """The rows of `source`, a table or a folder: of the one table in it, else a row for each
    picture with the recording of its name, and one for each recording that is left over.

    What is wrong with a single row is its refusal. Raises InputError when there is none to read.
    """
    if source.is_file() and source.suffix.lower() == csv_input.ENDING:
        return told_apart(csv_input.rows(source))
    if not source.is_dir():
        raise InputError(InputCode.NOT_FOUND, f"There is no folder {source}. Check its name.")
    files = sorted(
        path for path in source.iterdir() if path.is_file() and not path.name.startswith(".")
    )
    tables = [path for path in files if path.suffix.lower() == csv_input.ENDING]
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        message = f"{source} holds {len(tables)} tables: {names}. Name the one to use instead."
        raise InputError(InputCode.BAD_OPTION, message)
    return told_apart(csv_input.rows(tables[0]) if tables else _pairs(source, files))


def _pairs(folder: Path, files: list[Path]) -> list[Row]:
    """A row for each picture, by name: NAME.png with NAME.wav, and with NAME-2.wav for a second
    person; and a refused one for each recording without a picture."""
    pictures = [path for path in files if path.suffix.lower() in PICTURES]
    if not pictures:
        message = f"{folder} holds no picture. Put pictures and recordings of the same names there."
        raise InputError(InputCode.NOT_FOUND, message)
    sounds = defaultdict(list)
    for path in files:
        if path.suffix.lower() in RECORDINGS:
            sounds[path.stem].append(path)
    shown = {path.stem for path in pictures}
    found = []
    for path in pictures:
        second = f"{path.stem}{_SECOND}"
        heard = [sounds.get(path.stem, []), [] if second in shown else sounds.get(second, [])]
        recordings = tuple(voices[0] for voices in heard if voices)
        found.append(Row(path.stem, path, recordings, refusal=_wrong(path, *heard)))
    for stem, voices in sounds.items():
        if stem not in shown and stem.removesuffix(_SECOND) not in shown:
            message = f"There is no picture for {voices[0].name}. Put one of the same name there."
            found.append(Row(stem, None, tuple(voices), refusal=message))
    return sorted(found, key=lambda row: row.name)


def _wrong(picture: Path, *heard: list[Path]) -> str:
    """What is wrong with the recordings of each person in `picture`, the left one first."""
    if not heard[0]:
        return f"There is no recording for {picture.name}. Put one of the same name there."
    for voices in heard:
        if len(voices) > 1:
            names = " and ".join(voice.name for voice in voices)
            return f"{names} are recordings of the same name. Keep one of them."
    return ""
