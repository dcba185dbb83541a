"""Verification of downloads and sets: sizes, hashes, and names and shapes of tensors."""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from weights.errors import format_command
from weights.lock import LockFile, compute_sha256
from weights.lora import require_lora
from weights.manifest import VOICE_CONFIG, Manifest
from weights.sets import (
    LEAN_SETS,
    NETWORKS,
    ORIGINAL,
    SetMarker,
    delete_marker,
    download_path,
    is_original_deleted,
    lock_path,
    read_marker,
)
from weights.tensors import SCALE_SUFFIX, MismatchError, StoredTensor, find_tensors, require_match


def verify(weights: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    """Yield every fault as it is found, with the file or folder that has it.

    No faults: optional files that were never fetched, lean sets that were never prepared, and an
    original set that was deleted beside a complete lean one.
    """
    deleted, faulty = is_original_deleted(weights, manifest.model), set[Path]()
    if not deleted:
        for path, fault in _check_downloads(weights, manifest):
            faulty.add(path)
            yield path, fault
    downloads = {file.path_in_set: download_path(weights, file) for file in manifest.files}
    for kind in LEAN_SETS if deleted else (ORIGINAL, *LEAN_SETS):
        folder = weights / manifest.model / kind
        marker = read_marker(folder)
        if marker is not None:
            # faults of the original set's links were yielded with the downloads
            repeated = [] if kind == ORIGINAL else faulty
            yield from _check_set_files(folder, marker, manifest, downloads, repeated)
            yield from _check_tensors(folder, manifest)
        elif folder.exists() or kind == ORIGINAL:
            yield folder, "is not complete"


def discard_faulty(weights: Path, manifest: Manifest, path: Path) -> None:
    """Mark a faulty download for a new check, or delete a set's faulty file or part.

    The set counts as incomplete from then on.
    """
    model = weights / manifest.model
    for kind in (ORIGINAL, *LEAN_SETS):
        folder = model / kind
        if folder in path.parents:
            delete_marker(folder)
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            return
    lock, marker = LockFile(lock_path(weights)), read_marker(model / ORIGINAL)
    for file in manifest.files:
        if download_path(weights, file) == path:
            lock.invalidate(file)
            if marker and file.path_in_set in marker.sizes:
                delete_marker(model / ORIGINAL)


def _check_downloads(weights: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    lock = LockFile(lock_path(weights))
    for file in manifest.files:
        path, entry = download_path(weights, file), lock.get(file)
        if entry is not None:
            yield from _check_file(path, entry.size_bytes, entry.sha256, manifest, file.path_in_set)
        elif path.is_file():
            yield path, f"was never checked; run {format_command('download')}"
        elif file.is_required:
            yield path, "is missing"


def _check_set_files(
    folder: Path,
    marker: SetMarker,
    manifest: Manifest,
    downloads: Mapping[str, Path],
    faulty: Collection[Path],
) -> Iterator[tuple[Path, str]]:
    """Yield the faults of a set's files. Links to downloads are not hashed a second time: they are
    faults if the download is among the `faulty`."""
    for name, size_bytes in marker.sizes.items():
        path, download = folder / name, downloads.get(name)
        if download and path.is_file() and download.is_file() and path.samefile(download):
            if download in faulty:
                yield path, "is a download with a fault"
            elif path.stat().st_size != size_bytes:
                yield from _check_file(path, size_bytes, None, manifest, name)
        else:
            yield from _check_file(path, size_bytes, marker.sha256.get(name), manifest, name)


def _check_file(
    path: Path, size_bytes: int, sha256: str | None, manifest: Manifest, path_in_set: str
) -> Iterator[tuple[Path, str]]:
    if not path.is_file():
        yield path, "is missing"
    elif path.stat().st_size != size_bytes:
        yield path, f"has {path.stat().st_size} bytes, not {size_bytes}"
    elif sha256 is not None and compute_sha256(path) != sha256:
        yield path, "is damaged: its SHA-256 is not the recorded one"
    elif fault := find_mismatch(manifest, path_in_set, path):
        yield path, fault


def _check_tensors(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    for part in NETWORKS:
        try:
            require_shapes(manifest, part, find_tensors(folder / part))
        except (MismatchError, OSError) as error:
            yield folder / part, str(error)


def require_shapes(manifest: Manifest, part: str, found: Mapping[str, StoredTensor]) -> None:
    """Raise MismatchError unless the tensors `found` are the network's; scales are ignored."""
    shapes = {
        name: source.shape for name, source in found.items() if not name.endswith(SCALE_SUFFIX)
    }
    require_match(manifest.read_shapes(part), shapes)


def find_mismatch(manifest: Manifest, path_in_set: str, file: Path) -> str | None:
    """Return why a LoRA or a voice configuration does not fit the model; None if it does.

    None for files of networks, too: `require_shapes` checks a network's files together. Raises
    OSError if the file can't be read.
    """
    try:
        if path_in_set.startswith("loras/"):
            require_lora(file, manifest.read_shapes("transformer"))
        elif path_in_set == VOICE_CONFIG:
            _require_voice_config(manifest, file)
    except MismatchError as error:
        return f"does not fit the model: {error}"
    return None


def _require_voice_config(manifest: Manifest, file: Path) -> None:
    """Raise MismatchError unless the settings are the model's.

    A setting that the file lacks has the library's default, which is the wanted value.
    """
    try:
        found = dict(json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise MismatchError(f"it is damaged: {error}") from error
    faults = [
        f"{name} is {json.dumps(found[name])}, and {json.dumps(wanted)} is wanted"
        for name, wanted in manifest.voice.items()
        if found.get(name, wanted) != wanted
    ]
    if faults:
        raise MismatchError("; ".join(faults))
