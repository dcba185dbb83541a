"""Items of a batch: the rows of a table, or a folder's pictures and recordings by name."""

from collections import defaultdict
from pathlib import Path

from inference.batch import csv_input
from inference.batch.item import BatchItem, make_names_unique
from inference.core.errors import InputCode, InputError

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
RECORDING_SUFFIXES = {
    ".wav",
    ".mp3",
    ".m4a",
    ".aac",
    ".flac",
    ".ogg",
    ".opus",
    ".webm",
    ".mp4",
    ".mov",
}
_SECOND_SUFFIX = "-2"  # ends the name of the right person's recording


def read_items(source: Path) -> list[BatchItem]:
    """Return the items of `source`, a table or a folder.

    A folder's one table counts; without one, each picture goes with the recording of its name, and
    each recording that is left over is refused. Raises InputError when there is no item.
    """
    if source.is_file() and source.suffix.lower() == csv_input.CSV_SUFFIX:
        return make_names_unique(csv_input.read_csv(source))
    if not source.is_dir():
        raise InputError(InputCode.NOT_FOUND, f"There is no folder {source}. Check its name.")
    files = sorted(
        path for path in source.iterdir() if path.is_file() and not path.name.startswith(".")
    )
    tables = [path for path in files if path.suffix.lower() == csv_input.CSV_SUFFIX]
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        message = f"{source} holds {len(tables)} tables: {names}. Name the one to use instead."
        raise InputError(InputCode.BAD_OPTION, message)
    return make_names_unique(
        csv_input.read_csv(tables[0]) if tables else _pair_files(source, files)
    )


def _pair_files(folder: Path, files: list[Path]) -> list[BatchItem]:
    """Pair files by name: NAME.png with NAME.wav, and with NAME-2.wav for a second person."""
    pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        message = f"{folder} holds no picture. Put pictures and recordings of the same names there."
        raise InputError(InputCode.NOT_FOUND, message)
    sounds = defaultdict(list)
    for path in files:
        if path.suffix.lower() in RECORDING_SUFFIXES:
            sounds[path.stem].append(path)
    stems = {path.stem for path in pictures}
    found = []
    for path in pictures:
        second = f"{path.stem}{_SECOND_SUFFIX}"
        named = [sounds.get(path.stem, []), [] if second in stems else sounds.get(second, [])]
        recordings = tuple(voices[0] for voices in named if voices)
        found.append(BatchItem(path.stem, path, recordings, refusal=_find_refusal(path, *named)))
    for stem, voices in sounds.items():
        if stem not in stems and stem.removesuffix(_SECOND_SUFFIX) not in stems:
            message = f"There is no picture for {voices[0].name}. Put one of the same name there."
            found.append(BatchItem(stem, None, tuple(voices), refusal=message))
    return sorted(found, key=lambda item: item.name)


def _find_refusal(picture: Path, *recordings: list[Path]) -> str:
    """Return the refusal of a picture by its recordings, the left person's first; "" for none."""
    if not recordings[0]:
        return f"There is no recording for {picture.name}. Put one of the same name there."
    for voices in recordings:
        if len(voices) > 1:
            names = " and ".join(voice.name for voice in voices)
            return f"{names} are recordings of the same name. Keep one of them."
    return ""
