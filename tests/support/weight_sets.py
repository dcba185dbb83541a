"""Weights of the tiny model on disk, as if they had been downloaded: no hub is needed."""

import os
import shutil
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from tests.support.tiny_weights import write_hub
from weights.assemble import assemble
from weights.disk import Disk
from weights.lock import LockEntry, LockFile, compute_sha256
from weights.manifest import HubFile, Manifest
from weights.prepare import prepare
from weights.sets import download_path, hub_folder, lock_path
from weights.verify import verify

Stamps = dict[str, tuple[int, int]]
HERE = Disk()
_TIMES_NS = count(1_700_000_000_123_456_789, 10**9)  # no two downloads in the same second


@dataclass(frozen=True)
class Weights:
    """A folder of weights, and what belongs there."""

    folder: Path
    manifest: Manifest

    def set(self, kind: str) -> Path:
        return self.folder / self.manifest.model / kind

    def file(self, place: str) -> HubFile:
        """What belongs at a place in the set `original`."""
        return next(file for file in self.manifest.files if file.path_in_set == place)

    def download(self, place: str) -> Path:
        """Where that was downloaded to."""
        return download_path(self.folder, self.file(place))

    def record(self, *places: str) -> None:
        """Write down that these downloads are right as they are now; without places: all."""
        lock = LockFile(lock_path(self.folder))
        for file in [self.file(place) for place in places] or self.manifest.files:
            path = download_path(self.folder, file)
            os.utime(path, ns=(0, next(_TIMES_NS)))
            found, sha256 = path.stat(), compute_sha256(path)
            revision = file.repo.revision
            lock.record(
                file, LockEntry(revision, revision, found.st_size, sha256, found.st_mtime_ns)
            )

    def assemble(self) -> bool:
        return assemble(self.folder, self.manifest)

    def prepare(self, kind: str, disk: Disk = HERE) -> bool:
        return prepare(self.folder, self.manifest, kind, lambda _: None, disk)

    def faults(self) -> list[tuple[str, str]]:
        """What `verify` finds: paths below the folder, and what is wrong there."""
        found = verify(self.folder, self.manifest)
        return [(path.relative_to(self.folder).as_posix(), fault) for path, fault in found]


def downloaded(folder: Path) -> Weights:
    """All files of the tiny model, fetched and checked."""
    hub_folder(folder).mkdir(parents=True)
    manifest = write_hub(hub_folder(folder))
    # what the project itself ships does not go away with the downloads
    shapes = Path(shutil.copy(manifest.shapes, folder / "shapes.json"))
    weights = Weights(folder, replace(manifest, shapes=shapes))
    weights.record()
    return weights


def laid_out(folder: Path, *kinds: str) -> Weights:
    """The same with the set `original`, and with lean ones of these kinds."""
    weights = downloaded(folder)
    weights.assemble()
    for kind in kinds:
        weights.prepare(kind)
    return weights


def stamps(folder: Path, pattern: str = "*") -> Stamps:
    """What changes of a file when it is written anew, for each of the folder's files."""
    found = {path.relative_to(folder).as_posix(): path.lstat() for path in files(folder, pattern)}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if not path.is_dir())


def tensors_of(part: Path) -> dict[str, Tensor]:
    """What all safetensors files of a folder hold, by safetensors' own reader."""
    found: dict[str, Tensor] = {}
    for file in sorted(part.glob("*.safetensors")):
        found |= load_file(file)
    return found


def flip(file: Path) -> None:
    """Change a byte near the end and keep the time stamp."""
    stat, data = file.stat(), bytearray(file.read_bytes())
    data[-9] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
