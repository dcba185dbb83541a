"""A recording that FFmpeg's demuxer never returns from: a film with a picture behind it.

`python -m tests.hostile.hanging PATH` writes it.
"""

import sys
from pathlib import Path

from tests.support.sounds import chirps, encode

_HEIC = Path(__file__).parents[1] / "data" / "upright.heic"


def write_hanging(path: Path) -> Path:
    """Write it to `path`, which ends in .mov."""
    encode(path, chirps(4_800, 48_000), encoder="aac")
    with path.open("ab") as file:
        file.write(_HEIC.read_bytes())
    return path


if __name__ == "__main__":
    write_hanging(Path(sys.argv[1]))
