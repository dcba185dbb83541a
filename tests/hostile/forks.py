"""Decoding in forked processes: the sandbox's own child, without the start of a Python for each.

`python -m tests.hostile.forks` reads an order for a child from each line, and answers each with the
child's exit status and output.
"""

import gc
import importlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from types import TracebackType
from typing import Self

from inference.core.settings import ROOT
from inference.media.ingest import PICTURE_OPERATION, RECORDING_OPERATION
from inference.media.sandbox import child
from inference.media.sandbox.child import Order

Answer = tuple[int, str]  # exit status, negative for a signal; output


class Forks:
    """Process whose forks carry out orders, one at a time."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            env={"PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def run(self, order: Order) -> Answer:
        """Have the order carried out."""
        assert self._process.stdin and self._process.stdout
        print(json.dumps(asdict(order)), file=self._process.stdin, flush=True)
        status, output = json.loads(self._process.stdout.readline())
        return status, output

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process as process:
            process.kill()


def _fork(order: str) -> Answer:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the orders are not for it
            sys.stdin = open(0)
            with os.fdopen(write_end, "w") as sys.stdout:
                status = child.main(order)
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end) as reader:
        output = reader.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output


if __name__ == "__main__":
    for operation in (PICTURE_OPERATION, RECORDING_OPERATION):
        importlib.import_module(operation.entry.partition(":")[0])
    gc.freeze()  # else each fork copies what it looks through
    gc.disable()
    for line in sys.stdin:
        print(json.dumps(_fork(line)), flush=True)
