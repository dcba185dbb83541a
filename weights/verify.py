"""Checks every byte that was fetched or prepared: sizes, hashes, names and shapes."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from weights.checks import sha256_of
from weights.errors import how_to
from weights.listing import misfit, require_listed
from weights.lock import Lock
from weights.manifest import Manifest
from weights.sets import (
    LEAN,
    NETWORKS,
    ORIGINAL,
    Mark,
    lock_file,
    place_of,
    read_mark,
    unmark,
    without_original,
)
from weights.tensors import MisfitError, sources


def verify(weights: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    """Every fault as it is found, with the file or folder it is in; nothing when all is well.

    LoRAs and settings that were never fetched and lean sets that were never made are no faults, nor
    is an original set that was deleted.
    """
    gone, faulty = without_original(weights, manifest.model), set[Path]()
    if not gone:
        for path, fault in _downloads(weights, manifest):
            faulty.add(path)
            yield path, fault
    downloads = {file.place: place_of(weights, file) for file in manifest.files}
    for kind in LEAN if gone else (ORIGINAL, *LEAN):
        folder = weights / manifest.model / kind
        mark = read_mark(folder)
        if mark is not None:
            # what is wrong with the original set's links was told as the downloads'
            again = [] if kind == ORIGINAL else faulty
            yield from _contents(folder, mark, manifest, downloads, again)
            yield from _tensors(folder, manifest)
        elif folder.exists() or kind == ORIGINAL:
            yield folder, "is not complete"


def set_aside(weights: Path, manifest: Manifest, path: Path) -> None:
    """Let a faulty file, or a part's folder, be fetched or made anew, and its set count no more."""
    model = weights / manifest.model
    for kind in (ORIGINAL, *LEAN):
        folder = model / kind
        if folder in path.parents:
            unmark(folder)
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            return
    lock, mark = Lock(lock_file(weights)), read_mark(model / ORIGINAL)
    for file in manifest.files:
        if place_of(weights, file) == path:
            lock.distrust(file)
            if mark and file.place in mark.sizes:
                unmark(model / ORIGINAL)


def _downloads(weights: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    lock = Lock(lock_file(weights))
    for file in manifest.files:
        path, entry = place_of(weights, file), lock.get(file)
        if entry is not None:
            yield from _content(path, entry.size_bytes, entry.sha256, manifest, file.place)
        elif path.is_file():
            yield path, f"was never checked; run {how_to('download')}"
        elif file.of_networks:
            yield path, "is missing"


def _contents(
    folder: Path,
    mark: Mark,
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
                yield from _content(path, size, None, manifest, name)
        else:
            yield from _content(path, size, mark.sha256.get(name), manifest, name)


def _content(
    path: Path, size: int, sha256: str | None, manifest: Manifest, place: str
) -> Iterator[tuple[Path, str]]:
    if not path.is_file():
        yield path, "is missing"
    elif path.stat().st_size != size:
        yield path, f"has {path.stat().st_size} bytes, not {size}"
    elif sha256 is not None and sha256_of(path) != sha256:
        yield path, "is damaged: its SHA-256 is not the recorded one"
    elif fault := misfit(manifest, place, path):
        yield path, fault


def _tensors(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    for part in NETWORKS:
        try:
            require_listed(manifest, part, sources(folder / part))
        except (MisfitError, OSError) as error:
            yield folder / part, str(error)
