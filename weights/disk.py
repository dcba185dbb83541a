"""Storage of weights: free space and atomic writes, on a local disk or a Modal Volume."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from weights.errors import WeightsError

_SPARE_BYTES = 1 << 30  # stays free


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which is renamed to `path` when the block ends.

    Its folder is created. After an error the partial file is deleted, and `path` stays as it was.
    """
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, atomically."""
    with write_atomically(path) as part:
        part.write_text(json.dumps(value, indent=1) + "\n")


class Disk:
    """Local disk."""

    def require_space(self, folder: Path, need_bytes: int, advice: str) -> None:
        """Raise WeightsError, which ends with the `advice`, unless `need_bytes` more fit."""
        need, free = need_bytes + _SPARE_BYTES, shutil.disk_usage(folder).free
        if need > free:
            raise WeightsError(
                f"{need / 1e9:.1f} GB are needed in {folder}, and {free / 1e9:.1f} GB are free. "
                f"Free some space{advice}"
            )

    def write_atomically(self, path: Path) -> AbstractContextManager[Path]:
        """Yield a path to write to, in any order, which becomes `path` when the block ends."""
        return write_atomically(path)


class Volume(Disk):
    """Modal Volume: reports no meaningful free space, and grows as needed.

    A file that is not written from its first byte to its last is uploaded again as a whole, so
    files are written to the container's own disk and then copied.
    """

    def require_space(self, folder: Path, need_bytes: int, advice: str) -> None:
        pass

    @contextmanager
    def write_atomically(self, path: Path) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder, path.name)
            yield local
            with write_atomically(path) as part:
                shutil.copyfile(local, part)
