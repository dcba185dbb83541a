"""Which files of a job the page may show, and where it finds them."""

import re
from pathlib import Path

from inference.jobs import ID, JOBS
from inference.task import PREVIEW, RESULT

CROP = "crop.jpg"  # the picture exactly as it will be used
_SEGMENT = re.compile(r"windows/\d{3}\.mp4")
_TYPES = {".jpg": "image/jpeg", ".mp4": "video/mp4"}


def url(job: str, name: str) -> str:
    """The address of a job's file; `name` is relative to its folder."""
    return f"/media/{job}/{name}"


def find(data: Path, job: str, name: str) -> Path | None:
    """The file that an address names, None when it is not one that is given out."""
    known = name in (CROP, RESULT, PREVIEW) or _SEGMENT.fullmatch(name)
    if not ID.fullmatch(job) or not known:
        return None
    path = data / JOBS / job / name
    return path if path.is_file() else None


def content_type(path: Path) -> str:
    """What the file is, by its name; the names are ours."""
    return _TYPES[path.suffix]
