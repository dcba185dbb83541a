"""Layout of the weights folder. A *set* is a folder that the engine can load: it has a folder for
each part of the model, and the marker `complete.json`, written last.

    <weights>/lock.json                 record of the first downloads
    <weights>/hub/<owner>/<repo>/...    files as downloaded
    <weights>/<model>/original/         links to them in the model's layout, 101 GB
    <weights>/<model>/bf16/  fp8/       lean sets, prepared from it: 52 and 33 GB
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
# Dtype in which each network runs on a GPU, as in the original, and is stored in a lean set.
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
    """Content of `complete.json`: sizes in bytes and SHA-256s of the set's files, by path.

    A hash may be lacking. `source` is a hash over the downloads that the set was made from.
    """

    source: str
    sizes: Mapping[str, int]
    sha256: Mapping[str, str]


def hub_folder(weights: Path) -> Path:
    """Return the folder of files as downloaded."""
    return weights / "hub"


def download_path(weights: Path, file: HubFile) -> Path:
    """Return the path of a downloaded file."""
    return hub_folder(weights) / file.repo.name / file.name


def lora_path(folder: Path, lora: Lora) -> Path:
    """Return the path of a LoRA: in the set `folder`, or an operator's own."""
    return folder / "loras" / f"{lora.name}.safetensors"  # an absolute name replaces the folder


def lock_path(weights: Path) -> Path:
    return weights / "lock.json"


def write_marker(folder: Path, marker: SetMarker) -> None:
    """Mark the set as complete."""
    write_json(folder / _MARKER, asdict(marker))


def delete_marker(folder: Path) -> None:
    """Mark the set as incomplete."""
    (folder / _MARKER).unlink(missing_ok=True)


def read_marker(folder: Path) -> SetMarker | None:
    """Return the set's marker; None if it is absent or unreadable."""
    try:
        marker = SetMarker(**json.loads((folder / _MARKER).read_text()))
        return SetMarker(str(marker.source), dict(marker.sizes), dict(marker.sha256))
    except (OSError, ValueError, TypeError):
        return None


def find_missing(folder: Path) -> str | None:
    """Return the first file that is missing or of a wrong size; None for a complete set.

    Without a marker that is `complete.json`.
    """
    marker = read_marker(folder)
    if marker is None:
        return _MARKER
    for name, size_bytes in marker.sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size_bytes:
            return name
    return None


def list_complete_sets(model_folder: Path) -> tuple[str, ...]:
    """Return the names of a model's complete sets, the preferred one first."""
    return tuple(name for name in (BF16, FP8, ORIGINAL) if not find_missing(model_folder / name))


def is_original_deleted(weights: Path, model: str) -> bool:
    """Return whether downloads and original set were deleted beside a complete lean set."""
    folder = weights / model
    deleted = not hub_folder(weights).exists() and not (folder / ORIGINAL).exists()
    return deleted and any(not find_missing(folder / kind) for kind in LEAN_SETS)
