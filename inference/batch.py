"""A folder of pictures and recordings, paired by name."""

from dataclasses import dataclass
from pathlib import Path

from inference.errors import InputCode, InputError

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
RECORDINGS = {".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".webm", ".mp4", ".mov"}
_SECOND = "-2"  # what the name of the right person's recording ends in


@dataclass(frozen=True)
class Row:
    """One video to make. `recordings` is empty where there is none of the picture's name."""

    name: str
    image: Path
    recordings: tuple[Path, ...]


def rows(folder: Path) -> list[Row]:
    """A row for each picture in `folder`, by name: NAME.png with NAME.wav, and with NAME-2.wav for
    a second person. Raises InputError when there is none."""
    if not folder.is_dir():
        raise InputError(InputCode.NOT_FOUND, f"There is no folder {folder}. Check its name.")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    sounds = {path.stem: path for path in files if path.suffix.lower() in RECORDINGS}
    found = []
    for path in files:
        if path.suffix.lower() in PICTURES:
            voices = (sounds.get(path.stem), sounds.get(f"{path.stem}{_SECOND}"))
            found.append(Row(path.stem, path, tuple(voice for voice in voices if voice)))
    if not found:
        message = f"{folder} holds no picture. Put pictures and recordings of the same names there."
        raise InputError(InputCode.NOT_FOUND, message)
    return found
