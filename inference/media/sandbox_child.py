"""Child process of `inference.media.sandbox`: runs one operation under limits.

`python -m inference.media.sandbox_child OPERATION SOURCE TARGET CPU_S WALL_S [NUMBER ...]` calls a
function, named as module:function, that takes the two paths and the whole numbers and returns a
dataclass, and writes one JSON object.
"""

import importlib
import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.core.errors import PortraitError, from_os_error

MAX_MEMORY_BYTES = 1536 * 2**20
MAX_OUTPUT_BYTES = 160 * 2**20  # ten minutes of 48 kHz stereo are 115 MB
MAX_OPEN_FILES = 64
OUT_OF_MEMORY_STATUS = 3  # exit status
_NICENESS = 10  # the page is answered first


def execute(
    entry: str, source: Path, target: Path, cpu_s: int, wall_s: float, *numbers: int
) -> dict[str, Any]:
    """Run `entry` under limits; return {"result": fields} or {"error": code, message, details}."""
    module, _, function = entry.partition(":")
    operate = getattr(importlib.import_module(module), function)
    _limit_resources(cpu_s, wall_s)
    try:
        return {"result": asdict(operate(source, target, *numbers))}
    except PortraitError as error:
        failure = error
    except OSError as error:  # of reading or writing; decoders' errors are caught in the operation
        failure = from_os_error(error, target.parent)
    fields = {"code": failure.code, "message": failure.message, "details": failure.details}
    return {"error": fields}


def _limit_resources(cpu_s: int, wall_s: float) -> None:
    """Limit this process's memory, time, open files and output size to those of one operation."""
    limits = {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: MAX_OUTPUT_BYTES,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform == "linux":  # macOS accepts the limit but doesn't enforce it
        limits[resource.RLIMIT_AS] = MAX_MEMORY_BYTES
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (soft, hard))
    signal.setitimer(signal.ITIMER_REAL, wall_s)  # also without a parent
    os.nice(_NICENESS)


def main(arguments: list[str]) -> int:
    """Run the child, write its answer to standard output, and return the exit status."""
    entry, source, target, cpu_s, wall_s, *numbers = arguments
    limits = int(cpu_s), float(wall_s)
    try:
        answer = execute(entry, Path(source), Path(target), *limits, *map(int, numbers))
    except MemoryError:
        return OUT_OF_MEMORY_STATUS
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
