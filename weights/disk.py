"""What weights lie on: whether there is room, and how a large file comes about."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from weights.errors import WeightsError
from weights.whole import write_atomically

_SPARE_BYTES = 1 << 30  # to be left free


class Disk:
    """A disk of this machine."""

    def require_space(self, folder: Path, need_bytes: int, advice: str) -> None:
        """Raises WeightsError, which ends with the `advice`, unless so much more fits."""
        need, free = need_bytes + _SPARE_BYTES, shutil.disk_usage(folder).free
        if need > free:
            raise WeightsError(
                f"{need / 1e9:.1f} GB are needed in {folder}, and {free / 1e9:.1f} GB are free. "
                f"Free some space{advice}"
            )

    def write_atomically(self, path: Path) -> AbstractContextManager[Path]:
        """Where to write what shall be `path`, in any order; see `write_atomically`."""
        return write_atomically(path)


class Volume(Disk):
    """A Volume of Modal. It takes as much as is put there, and says nothing true of free space. A
    file that is not written from its first byte to its last is sent anew as a whole, so it is made
    on the container's own disk."""

    def require_space(self, folder: Path, need_bytes: int, advice: str) -> None:
        pass

    @contextmanager
    def write_atomically(self, path: Path) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, path.name)
            yield made
            with write_atomically(path) as part:
                shutil.copyfile(made, part)
