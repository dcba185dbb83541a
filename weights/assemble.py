"""Lays downloaded files out as the model expects them: the set `original`, made of links.

What goes where stands in the manifest: MultiTalk's index takes the place of Wan's, which is kept
beside it, and MultiTalk's own tensors lie among Wan's shards.
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
    """Lay out the set below `weights`; a half-done run is repaired. False if nothing was to do.

    LoRAs that were not downloaded, or do not fit the model, are left out. Raises WeightsError when
    another file is missing or does not fit.
    """
    lock = LockFile(lock_path(weights))
    files = [f for f in manifest.files if f.lora is None or download_path(weights, f).is_file()]
    for file in files:
        found = lock.state(file, download_path(weights, file))
        if found != "checked":
            raise WeightsError(f"{file.key} is {found}. Run {format_command('download')}.")
    unfit = dict(find_mismatches(weights, manifest, files))
    for file, fault in unfit.items():
        if file.lora is None:
            raise WeightsError(f"{file.key} {fault}. Update this project.")
    files = [file for file in files if file not in unfit]
    folder = weights / manifest.model / ORIGINAL
    mark = _build_marker(lock, files)
    done = all(_is_in_place(download_path(weights, f), folder / f.path_in_set) for f in files)
    if done and read_marker(folder) == mark and not _find_stale_files(folder, mark):
        return False
    try:
        delete_marker(folder)
        for file in files:
            _link_or_copy(download_path(weights, file), folder / file.path_in_set)
        for stranger in _find_stale_files(folder, mark):
            stranger.unlink()
        write_marker(folder, mark)
    except OSError as error:
        raise to_weights_error(error, str(folder)) from error
    return True


def find_mismatches(
    weights: Path, manifest: Manifest, files: Sequence[HubFile]
) -> Iterator[tuple[HubFile, str]]:
    """Those of the files that were downloaded but do not fit the model, and why."""
    for file in files:
        path = download_path(weights, file)
        fault = find_mismatch(manifest, file.path_in_set, path) if path.is_file() else None
        if fault:
            yield file, fault


def require_original(weights: Path, manifest: Manifest) -> tuple[Path, SetMarker]:
    """The folder of the complete set `original`, and its mark. Raises WeightsError without."""
    folder = weights / manifest.model / ORIGINAL
    gone, mark = find_missing(folder), read_marker(folder)
    if gone or mark is None:
        message = f"The weights are not complete: {folder / (gone or '')} is missing."
        raise WeightsError(f"{message} Run {format_command('download')}.")
    return folder, mark


def place_file(source: Path, target: Path, ways: Sequence[Callable[[Path, Path], object]]) -> None:
    """Put `source` at `target`, whole or not at all, in the first of the `ways` that works."""
    for way in ways:
        try:
            with write_atomically(target) as part:
                way(source.resolve(), part)  # of a link to a link too, what it leads to
            return
        except OSError:
            if way is ways[-1]:
                raise


def _link_or_copy(source: Path, target: Path) -> None:
    if not _is_in_place(source, target):
        place_file(source, target, (os.link, _symlink, shutil.copy2))


def _symlink(source: Path, target: Path) -> None:
    """Make a symbolic link that holds wherever the folder with both is mounted."""
    os.symlink(os.path.relpath(source, target.parent.resolve()), target)


def _is_in_place(source: Path, target: Path) -> bool:
    """Whether `target` is a link to `source` that holds elsewhere, too, or a copy of it."""
    if not target.exists() or (target.is_symlink() and os.path.isabs(os.readlink(target))):
        return False
    return target.samefile(source) or read_size_and_time(target) == read_size_and_time(source)


def _build_marker(lock: LockFile, files: Sequence[HubFile]) -> SetMarker:
    entries = {file.path_in_set: lock.get(file) for file in files}
    known = {place: entry for place, entry in entries.items() if entry}
    hashes = {place: entry.sha256 for place, entry in known.items()}
    # the networks stay the same when another LoRA comes
    networks = [
        f"{hashes[file.path_in_set]} {file.path_in_set}" for file in files if file.is_required
    ]
    source = hashlib.sha256("\n".join(networks).encode()).hexdigest()
    return SetMarker(source, {place: entry.size_bytes for place, entry in known.items()}, hashes)


def _find_stale_files(folder: Path, mark: SetMarker) -> list[Path]:
    """Files that an earlier version left: a loader would read them."""
    files = (path for path in folder.glob("*/**/*") if path.is_file() or path.is_symlink())
    return [path for path in files if path.relative_to(folder).as_posix() not in mark.sizes]
