"""Lays downloaded files out as the model expects them: the set `original`, made of links.

What goes where stands in the manifest: MultiTalk's index takes the place of Wan's, which is kept
beside it, and MultiTalk's own tensors lie among Wan's shards.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from weights.errors import WeightsError, how_to
from weights.listing import misfit
from weights.lock import Lock, size_and_time
from weights.manifest import HubFile, Manifest
from weights.refusals import told
from weights.sets import ORIGINAL, Mark, lock_file, missing, place_of, read_mark, unmark, write_mark
from weights.whole import whole


def assemble(weights: Path, manifest: Manifest) -> bool:
    """Lay out the set below `weights`; a half-done run is repaired. False if nothing was to do.

    LoRAs that were not downloaded, or do not fit the model, are left out. Raises WeightsError when
    another file is missing or does not fit.
    """
    lock = Lock(lock_file(weights))
    files = [f for f in manifest.files if f.lora is None or place_of(weights, f).is_file()]
    for file in files:
        found = lock.state(file, place_of(weights, file))
        if found != "checked":
            raise WeightsError(f"{file.key} is {found}. Run {how_to('download')}.")
    unfit = dict(misfits(weights, manifest, files))
    for file, fault in unfit.items():
        if file.lora is None:
            raise WeightsError(f"{file.key} {fault}. Update this project.")
    files = [file for file in files if file not in unfit]
    folder = weights / manifest.model / ORIGINAL
    mark = _mark(lock, files)
    done = all(_same(place_of(weights, f), folder / f.place) for f in files)
    if done and read_mark(folder) == mark and not _strangers(folder, mark):
        return False
    try:
        unmark(folder)
        for file in files:
            _place(place_of(weights, file), folder / file.place)
        for stranger in _strangers(folder, mark):
            stranger.unlink()
        write_mark(folder, mark)
    except OSError as error:
        raise told(error, str(folder)) from error
    return True


def misfits(
    weights: Path, manifest: Manifest, files: Sequence[HubFile]
) -> Iterator[tuple[HubFile, str]]:
    """Those of the files that were downloaded but do not fit the model, and why."""
    for file in files:
        path = place_of(weights, file)
        fault = misfit(manifest, file.place, path) if path.is_file() else None
        if fault:
            yield file, fault


def require_original(weights: Path, manifest: Manifest) -> tuple[Path, Mark]:
    """The folder of the complete set `original`, and its mark. Raises WeightsError without."""
    folder = weights / manifest.model / ORIGINAL
    gone, mark = missing(folder), read_mark(folder)
    if gone or mark is None:
        message = f"The weights are not complete: {folder / (gone or '')} is missing."
        raise WeightsError(f"{message} Run {how_to('download')}.")
    return folder, mark


def linked(source: Path, target: Path, ways: Sequence[Callable[[Path, Path], object]]) -> None:
    """Put `source` at `target`, whole or not at all, in the first of the `ways` that works."""
    for way in ways:
        try:
            with whole(target) as part:
                way(source.resolve(), part)  # of a link to a link too, what it leads to
            return
        except OSError:
            if way is ways[-1]:
                raise


def _place(source: Path, target: Path) -> None:
    if not _same(source, target):
        linked(source, target, (os.link, _link, shutil.copy2))


def _link(source: Path, target: Path) -> None:
    """Make a symbolic link that holds wherever the folder with both is mounted."""
    os.symlink(os.path.relpath(source, target.parent.resolve()), target)


def _same(source: Path, target: Path) -> bool:
    """Whether `target` is a link to `source` that holds elsewhere, too, or a copy of it."""
    if not target.exists() or (target.is_symlink() and os.path.isabs(os.readlink(target))):
        return False
    return target.samefile(source) or size_and_time(target) == size_and_time(source)


def _mark(lock: Lock, files: Sequence[HubFile]) -> Mark:
    entries = {file.place: lock.get(file) for file in files}
    known = {place: entry for place, entry in entries.items() if entry}
    hashes = {place: entry.sha256 for place, entry in known.items()}
    # the networks stay the same when another LoRA comes
    networks = [f"{hashes[file.place]} {file.place}" for file in files if file.of_networks]
    source = hashlib.sha256("\n".join(networks).encode()).hexdigest()
    return Mark(source, {place: entry.size_bytes for place, entry in known.items()}, hashes)


def _strangers(folder: Path, mark: Mark) -> list[Path]:
    """Files that an earlier version left: a loader would read them."""
    files = (path for path in folder.glob("*/**/*") if path.is_file() or path.is_symlink())
    return [path for path in files if path.relative_to(folder).as_posix() not in mark.sizes]
