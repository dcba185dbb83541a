"""What weights lie on: whether there is room, and how a large file comes about."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from weights.errors import WeightsError

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


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Where to write what shall be `path`: it has its name once the block ends, and is gone when
    the block raises. Its folder is made."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    with write_atomically(path) as part:
        part.write_text(json.dumps(value, indent=1) + "\n")
