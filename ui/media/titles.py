"""Titles of jobs: made of file names, changed by their owners, and part of downloads' names."""

import re
import unicodedata
from pathlib import Path, PurePath

from inference.core.errors import PortraitError
from inference.core.files import read_word, write_whole
from inference.core.task import read_plan
from presets.quality import PRESETS

TITLE = "title.txt"  # in a job's folder
PICTURE_NAME = "name.txt"  # ... the name of its picture, by which jobs of before are known
MAX_TITLE_CHARS = 80
_MAX_PART_CHARS = 36  # of each name that a title is made of
_MAX_NAME_BYTES = 180  # of a file name before its suffix: file systems allow 255 in all
_FALLBACK = "talking-portrait"
_DRAFT = " - draft"
# Characters that some system forbids in a file name, or that start a hidden or an odd one.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(?![^.])", re.IGNORECASE)  # of Windows


def clean_title(title: str) -> str:
    """Return the title as one line of at most `MAX_TITLE_CHARS`; it may be empty."""
    return _shorten(title, MAX_TITLE_CHARS)


def compose_title(picture: str, voices: list[str]) -> str:
    """Return the title of a video of files with these names, or of words for them."""
    said = ", ".join(dict.fromkeys(_read_name(voice) for voice in voices))
    parts = [_read_name(picture), _shorten(said, _MAX_PART_CHARS)]
    return clean_title(" - ".join(filter(None, parts)))


def read_title(folder: Path) -> str:
    """Return the title of the job in `folder`; without one, of its picture's name."""
    stored = clean_title(read_word(folder / TITLE))
    return stored or compose_title(read_word(folder / PICTURE_NAME), [])


def write_title(folder: Path, title: str) -> None:
    """Store the title of the job in `folder`. Raises OSError."""
    write_whole(folder / TITLE, clean_title(title))


def build_file_name(title: str, is_draft: bool, suffix: str) -> str:
    """Return the name under which a file of the job is saved, one that every system takes."""
    name = unicodedata.normalize("NFC", _FORBIDDEN.sub(" ", _shorten(title, MAX_TITLE_CHARS)))
    name = " ".join(name.split()).strip(". ")
    name = name.encode(errors="ignore")[:_MAX_NAME_BYTES].decode(errors="ignore").strip(". ")
    if _DEVICES.match(name):
        name = f"_{name}"
    return f"{name or _FALLBACK}{_DRAFT if is_draft else ''}{suffix}"


def name_download(folder: Path, suffix: str) -> str:
    """Return the name under which a file of the job in `folder` is saved."""
    try:
        is_draft = not PRESETS[read_plan(folder).quality].engine.needs_gpu
    except PortraitError:
        is_draft = False
    return build_file_name(read_title(folder), is_draft, suffix)


def _read_name(name: str) -> str:
    """Return a file's name as words, without its suffix; of a sentence, without its full stop."""
    stem = re.sub(r"\.[A-Za-z0-9]{2,4}$", "", PurePath(name.replace("\\", "/")).name)
    return _shorten(stem.replace("_", " ").rstrip(". "), _MAX_PART_CHARS)


def _shorten(words: str, most: int) -> str:
    """Return the words on one line, without what can't be seen, cut with three dots if needed."""
    # C*: controls, marks that turn the direction of writing, halves of characters
    seen = "".join(c if unicodedata.category(c)[0] != "C" or c == "\u200d" else " " for c in words)
    line = " ".join(seen.split())
    return line if len(line) <= most else f"{line[: most - 3].rstrip()}..."
