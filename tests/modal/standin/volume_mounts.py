"""A container's own view of a Volume.

It is an overlay: below lies a snapshot of what was committed when the container started or
reloaded, above it what the container writes. Nothing of a large file is copied, and what others
commit does not show. A commit compares the whole view with how it was at the last commit and takes
over the files that differ.

Containers find it where Modal puts it, below /__modal/volumes, and a symbolic link to it at the
mount's path.
"""

import os
import shlex
import shutil
import subprocess
import threading
from pathlib import Path

from tests.modal.standin.volume_files import Survey, VolumeFiles, survey

_OPTIONS = "index=off,metacopy=off,redirect_dir=on"  # the last: folders can be renamed


class OpenFiles(Exception):
    """A container's processes hold files of the Volume open."""


class VolumeMount:
    """The view of the Volume `volume_id` of a container whose root will be `root`."""

    def __init__(
        self, volume_id: str, files: VolumeFiles, folder: Path, root: Path, read_only: bool
    ) -> None:
        self.volume_id, self.read_only = volume_id, read_only
        self._files, self._folder = files, folder
        self.place = f"/__modal/volumes/{volume_id}"
        self._target = f"{root}{self.place}"
        self._lock = threading.Lock()
        self._generation = 0
        self._seen: Survey = {}

    def prepare(self) -> str:
        """Make a fresh snapshot; returns the command that mounts it."""
        self._generation += 1
        layers = {name: self._layer(name) for name in ("lower", "upper", "work")}
        # an overlay shows the inodes of the layer below, because all lie on one file system
        self._seen = self._files.snapshot(layers["lower"])
        for name in ("upper", "work"):
            layers[name].mkdir()
        options = ",".join(f"{name}dir={path}" for name, path in layers.items())
        options += f",{_OPTIONS}" + (",ro" if self.read_only else "")
        return f"mount -t overlay standin -o {shlex.quote(options)} {shlex.quote(self._target)}"

    def _layer(self, name: str) -> Path:
        return self._folder / str(self._generation) / name

    def commit(self, pid: int) -> None:
        """Give what the process's container has changed to the store.

        Raises OSError if the container is gone; then nothing is given.
        """
        with self._lock:
            self._commit(pid)

    def _commit(self, pid: int) -> None:
        if self.read_only:
            return
        view = os.open(f"/proc/{pid}/root{self.place}", os.O_RDONLY | os.O_DIRECTORY)
        try:  # while it is open the view stays, even if the container ends
            source = Path(f"/proc/self/fd/{view}")
            self._seen = self._files.merge(source, self._seen, survey(source))
        finally:
            os.close(view)

    def reload(self, pid: int) -> None:
        """Commit, and show what is committed by now; raises OpenFiles if that cannot be."""
        with self._lock:
            self._commit(pid)
            if _inside(pid, f"umount {shlex.quote(self._target)}").returncode:
                raise OpenFiles
            old = self._folder / str(self._generation)
            _inside(pid, self.prepare()).check_returncode()
            shutil.rmtree(old)


def _inside(pid: int, command: str) -> subprocess.CompletedProcess[bytes]:
    """Run it where the process has its mounts."""
    return subprocess.run(
        ["nsenter", "--mount", f"--target={pid}", "sh", "-c", command], stderr=subprocess.DEVNULL
    )
