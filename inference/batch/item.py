"""Item of a batch and its name."""

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
    """One video to make from `image` and one or two `recordings`, or the reason of its `refusal`.

    `name` is its file name without the suffix. `options` are the fields of `JobOptions` that are
    its own. A refused item may lack any of them.
    """

    name: str
    image: Path | None = None
    recordings: tuple[Path, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""


def make_names_unique(items: Iterable[BatchItem]) -> list[BatchItem]:
    """Return `items` with valid file names; refuse those whose name an earlier one has."""
    used: set[str] = set()
    unique = []
    for item in items:
        name = _sanitize_name(item.name)
        key = unicodedata.normalize("NFC", name).casefold()  # as macOS compares names
        refusal = item.refusal
        if not refusal and key in used:
            refusal = f"An earlier row is called {name} as well. Give this one another name."
        used.add(key)
        unique.append(replace(item, name=name, refusal=refusal))
    return unique


def _sanitize_name(name: str) -> str:
    """Return `name` as a file name for any system: no path, not hidden, not too long."""
    cleaned = _UNSAFE.sub("_", name).encode("utf-8", "replace")[:_MAX_NAME_BYTES]
    return cleaned.decode("utf-8", "ignore").strip(" .") or "_"
