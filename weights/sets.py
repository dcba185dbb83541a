"""Where weights lie. A *set* is a folder that the engine can load: a folder for each part of the
model, and `complete.json`, written last.

    <weights>/lock.json                 what was first downloaded
    <weights>/hub/<owner>/<repo>/...    files as they were downloaded
    <weights>/<model>/original/         these, laid out: as they are, 101 GB
    <weights>/<model>/bf16/  fp8/       lean sets, made from it: 52 and 33 GB
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from presets.schema import Lora
from weights.disk import write_json
from weights.manifest import HubFile

NETWORKS = ("transformer", "video", "image", "text", "audio")
OTHER_PARTS = ("tokenizer", "loras")
ORIGINAL, BF16, FP8 = "original", "bf16", "fp8"
LEAN_SETS = (BF16, FP8)
# In which numbers each network runs on a GPU, as in the original, and so lies in a lean set.
DTYPES: Mapping[str, str] = {
    "transformer": "bfloat16",
    "text": "bfloat16",
    "image": "float16",
    "video": "float32",
    "audio": "float32",
}
_MARKER = "complete.json"


@dataclass(frozen=True)
class SetMarker:
    """What `complete.json` says: the set's files with their sizes in bytes, and their SHA-256s as
    far as known; `source` tells from which files it was made."""

    source: str
    sizes: Mapping[str, int]
    sha256: Mapping[str, str]


def hub_folder(weights: Path) -> Path:
    """Where downloaded files lie as they are."""
    return weights / "hub"


def download_path(weights: Path, file: HubFile) -> Path:
    """Where a downloaded file lies."""
    return hub_folder(weights) / file.repo.name / file.name


def lora_path(folder: Path, lora: Lora) -> Path:
    """Where a LoRA of the set in `folder`, or an operator's own, lies."""
    return folder / "loras" / f"{lora.name}.safetensors"  # of an absolute name, that itself


def lock_path(weights: Path) -> Path:
    return weights / "lock.json"


def write_marker(folder: Path, mark: SetMarker) -> None:
    write_json(folder / _MARKER, asdict(mark))


def delete_marker(folder: Path) -> None:
    (folder / _MARKER).unlink(missing_ok=True)


def read_marker(folder: Path) -> SetMarker | None:
    """What the set's mark says; None when there is none, or it can't be read."""
    try:
        mark = SetMarker(**json.loads((folder / _MARKER).read_text()))
        return SetMarker(str(mark.source), dict(mark.sizes), dict(mark.sha256))
    except (OSError, ValueError, TypeError):
        return None


def find_missing(folder: Path) -> str | None:
    """What keeps the set from being complete: its mark, or a file that is gone or of another size.

    None when nothing does.
    """
    mark = read_marker(folder)
    if mark is None:
        return _MARKER
    for name, size in mark.sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            return name
    return None


def list_complete_sets(model_folder: Path) -> tuple[str, ...]:
    """The complete sets of a model, the leanest to read first."""
    return tuple(name for name in (BF16, FP8, ORIGINAL) if not find_missing(model_folder / name))


def is_original_deleted(weights: Path, model: str) -> bool:
    """Whether the downloads and what is made of them were deleted, as they may be beside a
    complete lean set."""
    folder = weights / model
    gone = not hub_folder(weights).exists() and not (folder / ORIGINAL).exists()
    return gone and any(not find_missing(folder / kind) for kind in LEAN_SETS)
