"""One video of a batch, and what it is called."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')  # in file names, on Windows too
_MAX_NAME_BYTES = 200  # file systems take 255; endings, and dots before, are added


@dataclass(frozen=True)
class BatchItem:
    """One video to make, from `image` and one or two `recordings`, or why it can't be (`refusal`).

    `name` is its file name without the ending. `choices` are the fields of a Request that are this
    row's own. A row that is refused may lack any of them.
    """

    name: str
    image: Path | None = None
    recordings: tuple[Path, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""


def make_names_unique(rows: Iterable[BatchItem]) -> list[BatchItem]:
    """`rows` with names that files can have; those are refused whose name an earlier one has."""
    taken: set[str] = set()
    apart = []
    for row in rows:
        name = _sanitize_name(row.name)
        key = unicodedata.normalize("NFC", name).casefold()  # a macOS disk tells no more apart
        refusal = row.refusal
        if not refusal and key in taken:
            refusal = f"An earlier row is called {name} as well. Give this one another name."
        taken.add(key)
        apart.append(replace(row, name=name, refusal=refusal))
    return apart


def _sanitize_name(name: str) -> str:
    """`name` as a file may be called anywhere: no path, not hidden, not too long."""
    cleaned = _UNSAFE.sub("_", name).encode("utf-8", "replace")[:_MAX_NAME_BYTES]
    return cleaned.decode("utf-8", "ignore").strip(" .") or "_"
