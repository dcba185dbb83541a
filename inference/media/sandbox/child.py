"""Child process of the sandbox: runs one operation under limits, shut in with its files.

`python -m inference.media.sandbox.child` reads an order from standard input, where nobody else sees
it, calls a function that takes two paths and whole numbers and returns a dataclass, and writes one
JSON object.
"""

import importlib
import json
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.core.confinement.confine import Reach, confine, limit_resources
from inference.core.errors import PortraitError, from_os_error

MAX_MEMORY_BYTES = 1216 * 2**20  # of the work itself; the code that is loaded may have 400 MB
MAX_OUTPUT_BYTES = 160 * 2**20  # ten minutes of 48 kHz stereo are 115 MB
MAX_OPEN_FILES = 64
OUT_OF_MEMORY_STATUS = 3  # exit status
_NICENESS = 10  # the page is answered first


@dataclass(frozen=True)
class Order:
    """Work for a child: `entry` is module:function, paths are absolute, `beside` may be read too.

    `numbers` are further arguments of the function.
    """

    entry: str
    source: str
    target: str
    cpu_s: int
    wall_s: float
    numbers: tuple[int, ...] = ()
    beside: tuple[str, ...] = ()


def execute(order: Order) -> dict[str, Any]:
    """Carry out the order; return {"result": fields} or {"error": code, message, details}.

    The confinement and the limits stay on this process.
    """
    module, _, function = order.entry.partition(":")
    operate = getattr(importlib.import_module(module), function)
    source, target = Path(order.source), Path(order.target)
    try:
        # before it is confined: it may write this one file, and create none
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        _limit_resources(order.cpu_s, order.wall_s)
        confine(Reach((source, *map(Path, order.beside)), (target,)))
        return {"result": asdict(operate(source, target, *order.numbers))}
    except PortraitError as error:
        failure = error
    except OSError as error:  # of reading or writing; decoders' errors are caught in the operation
        failure = from_os_error(error, target.parent)
    fields = {"code": failure.code, "message": failure.message, "details": failure.details}
    return {"error": fields}


def _limit_resources(cpu_s: int, wall_s: float) -> None:
    """Limit this process's memory, time, open files and output size to those of one operation.

    Its time ends with a signal that can be told from others, and, if that is not heeded, a second
    later without one.
    """
    limits = {
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
        resource.RLIMIT_FSIZE: (MAX_OUTPUT_BYTES, MAX_OUTPUT_BYTES),
        resource.RLIMIT_NOFILE: (MAX_OPEN_FILES, MAX_OPEN_FILES),
        resource.RLIMIT_CORE: (0, 0),
    }
    if sys.platform == "linux":  # macOS accepts the limit but doesn't enforce it
        limits[resource.RLIMIT_AS] = 2 * (_measure_memory() + MAX_MEMORY_BYTES,)
    limit_resources(limits)
    signal.setitimer(signal.ITIMER_REAL, wall_s)  # also without a parent
    os.nice(_NICENESS)


def _measure_memory() -> int:
    """Return the bytes of this process's address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def carry_out_order() -> int:
    """Carry out the order on standard input, answer on standard output; return the exit status."""
    with open(0, "rb", closefd=False) as told:
        order = Order(**json.load(told))
    try:
        answer = execute(order)
    except MemoryError:
        return OUT_OF_MEMORY_STATUS
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(carry_out_order())
