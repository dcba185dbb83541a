"""Checks every byte that was fetched or prepared: sizes, hashes, names and shapes."""

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
    """Every fault as it is found, with the file or folder it is in; nothing when all is well.

    LoRAs and settings that were never fetched and lean sets that were never made are no faults, nor
    is an original set that was deleted.
    """
    gone, faulty = is_original_deleted(weights, manifest.model), set[Path]()
    if not gone:
        for path, fault in _check_downloads(weights, manifest):
            faulty.add(path)
            yield path, fault
    downloads = {file.path_in_set: download_path(weights, file) for file in manifest.files}
    for kind in LEAN_SETS if gone else (ORIGINAL, *LEAN_SETS):
        folder = weights / manifest.model / kind
        mark = read_marker(folder)
        if mark is not None:
            # what is wrong with the original set's links was told as the downloads'
            again = [] if kind == ORIGINAL else faulty
            yield from _check_set_files(folder, mark, manifest, downloads, again)
            yield from _check_tensors(folder, manifest)
        elif folder.exists() or kind == ORIGINAL:
            yield folder, "is not complete"


def discard_faulty(weights: Path, manifest: Manifest, path: Path) -> None:
    """Let a faulty file, or a part's folder, be fetched or made anew, and its set count no more."""
    model = weights / manifest.model
    for kind in (ORIGINAL, *LEAN_SETS):
        folder = model / kind
        if folder in path.parents:
            delete_marker(folder)
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            return
    lock, mark = LockFile(lock_path(weights)), read_marker(model / ORIGINAL)
    for file in manifest.files:
        if download_path(weights, file) == path:
            lock.invalidate(file)
            if mark and file.path_in_set in mark.sizes:
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
    mark: SetMarker,
    manifest: Manifest,
    downloads: Mapping[str, Path],
    faulty: Collection[Path],
) -> Iterator[tuple[Path, str]]:
    """The files of a set; those that are downloads themselves were hashed already, and are told of
    again if they are among the `faulty`."""
    for name, size in mark.sizes.items():
        path, download = folder / name, downloads.get(name)
        if download and path.is_file() and download.is_file() and path.samefile(download):
            if download in faulty:
                yield path, "is a download with a fault"
            elif path.stat().st_size != size:
                yield from _check_file(path, size, None, manifest, name)
        else:
            yield from _check_file(path, size, mark.sha256.get(name), manifest, name)


def _check_file(
    path: Path, size: int, sha256: str | None, manifest: Manifest, place: str
) -> Iterator[tuple[Path, str]]:
    if not path.is_file():
        yield path, "is missing"
    elif path.stat().st_size != size:
        yield path, f"has {path.stat().st_size} bytes, not {size}"
    elif sha256 is not None and compute_sha256(path) != sha256:
        yield path, "is damaged: its SHA-256 is not the recorded one"
    elif fault := find_mismatch(manifest, place, path):
        yield path, fault


def _check_tensors(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    for part in NETWORKS:
        try:
            require_shapes(manifest, part, find_tensors(folder / part))
        except (MismatchError, OSError) as error:
            yield folder / part, str(error)


def require_shapes(manifest: Manifest, part: str, found: Mapping[str, StoredTensor]) -> None:
    """Raises MisfitError unless the tensors `found` are those listed; scales of 8-bit ones may be
    among them."""
    shapes = {
        name: source.shape for name, source in found.items() if not name.endswith(SCALE_SUFFIX)
    }
    require_match(manifest.read_shapes(part), shapes)


def find_mismatch(manifest: Manifest, place: str, file: Path) -> str | None:
    """Why the `file`, which belongs at a `place` in a set, does not fit the model. None if it does,
    or is a network's: of these all files count together. Raises OSError when it can't be read."""
    try:
        if place.startswith("loras/"):
            require_lora(file, manifest.read_shapes("transformer"))
        elif place == VOICE_CONFIG:
            _require_voice_config(manifest, file)
    except MismatchError as error:
        return f"does not fit the model: {error}"
    return None


def _require_voice_config(manifest: Manifest, file: Path) -> None:
    """What the settings don't say is the library's default, which is what is wanted."""
    try:
        found = dict(json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise MismatchError(f"it is damaged: {error}") from error
    wrong = [
        f"{name} is {json.dumps(found[name])}, and {json.dumps(wanted)} is wanted"
        for name, wanted in manifest.voice.items()
        if found.get(name, wanted) != wanted
    ]
    if wrong:
        raise MismatchError("; ".join(wrong))
