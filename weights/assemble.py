"""Assembly of the set `original`: links to the downloaded files, in the layout the model expects.

The manifest says which file goes where: MultiTalk's index replaces Wan's, which is kept beside it
under another name, and MultiTalk's own tensors lie among Wan's shards.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from weights.disk import write_atomically
from weights.errors import WeightsError, format_command
from weights.hub_errors import to_weights_error
from weights.lock import LockFile, read_size_and_time
from weights.manifest import HubFile, Manifest
from weights.sets import (
    ORIGINAL,
    SetMarker,
    delete_marker,
    download_path,
    find_missing,
    lock_path,
    read_marker,
    write_marker,
)
from weights.verify import find_mismatch


def assemble(weights: Path, manifest: Manifest) -> bool:
    """Assemble or repair the set below `weights`; return False if it was complete already.

    LoRAs that were not downloaded, or do not fit the model, are left out. Raises WeightsError when
    another file is missing or does not fit.
    """
    lock = LockFile(lock_path(weights))
    files = [f for f in manifest.files if f.lora is None or download_path(weights, f).is_file()]
    for file in files:
        state = lock.state(file, download_path(weights, file))
        if state != "checked":
            raise WeightsError(f"{file.key} is {state}. Run {format_command('download')}.")
    mismatches = dict(find_mismatches(weights, manifest, files))
    for file, fault in mismatches.items():
        if file.lora is None:
            raise WeightsError(f"{file.key} {fault}. Update this project.")
    files = [file for file in files if file not in mismatches]
    folder = weights / manifest.model / ORIGINAL
    marker = _build_marker(lock, files)
    in_place = all(_is_in_place(download_path(weights, f), folder / f.path_in_set) for f in files)
    if in_place and read_marker(folder) == marker and not _find_stale_files(folder, marker):
        return False
    try:
        delete_marker(folder)
        for file in files:
            _link_or_copy(download_path(weights, file), folder / file.path_in_set)
        for stale in _find_stale_files(folder, marker):
            stale.unlink()
        write_marker(folder, marker)
    except OSError as error:
        raise to_weights_error(error, str(folder)) from error
    return True


def find_mismatches(
    weights: Path, manifest: Manifest, files: Sequence[HubFile]
) -> Iterator[tuple[HubFile, str]]:
    """Yield each downloaded file that does not fit the model, with the reason."""
    for file in files:
        path = download_path(weights, file)
        fault = find_mismatch(manifest, file.path_in_set, path) if path.is_file() else None
        if fault:
            yield file, fault


def require_original(weights: Path, manifest: Manifest) -> tuple[Path, SetMarker]:
    """Return the folder and marker of the set `original`; raise WeightsError if incomplete."""
    folder = weights / manifest.model / ORIGINAL
    missing, marker = find_missing(folder), read_marker(folder)
    if missing or marker is None:
        message = f"The weights are not complete: {folder / (missing or '')} is missing."
        raise WeightsError(f"{message} Run {format_command('download')}.")
    return folder, marker


def place_file(source: Path, target: Path, ways: Sequence[Callable[[Path, Path], object]]) -> None:
    """Put `source` at `target` atomically, by the first of the `ways` that works."""
    for way in ways:
        try:
            with write_atomically(target) as part:
                way(source.resolve(), part)  # follows chains of links
            return
        except OSError:
            if way is ways[-1]:
                raise


def _link_or_copy(source: Path, target: Path) -> None:
    if not _is_in_place(source, target):
        place_file(source, target, (os.link, _symlink, shutil.copy2))


def _symlink(source: Path, target: Path) -> None:
    """Make a relative link, which stays valid wherever the folder with both ends is mounted."""
    os.symlink(os.path.relpath(source, target.parent.resolve()), target)


def _is_in_place(source: Path, target: Path) -> bool:
    """Return whether `target` is a relative or hard link to `source`, or a copy of it."""
    if not target.exists() or (target.is_symlink() and os.path.isabs(os.readlink(target))):
        return False
    return target.samefile(source) or read_size_and_time(target) == read_size_and_time(source)


def _build_marker(lock: LockFile, files: Sequence[HubFile]) -> SetMarker:
    entries = {file.path_in_set: entry for file in files if (entry := lock.get(file))}
    hashes = {path: entry.sha256 for path, entry in entries.items()}
    # LoRAs don't count: the lean sets stay valid when another one is downloaded
    required = [file.path_in_set for file in files if file.is_required]
    source = hashlib.sha256("\n".join(f"{hashes[path]} {path}" for path in required).encode())
    sizes = {path: entry.size_bytes for path, entry in entries.items()}
    return SetMarker(source.hexdigest(), sizes, hashes)


def _find_stale_files(folder: Path, marker: SetMarker) -> list[Path]:
    """Return files that an earlier version left, and that a loader would read."""
    files = (path for path in folder.glob("*/**/*") if path.is_file() or path.is_symlink())
    return [path for path in files if path.relative_to(folder).as_posix() not in marker.sizes]
