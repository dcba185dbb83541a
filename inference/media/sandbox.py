"""Child process that decodes untrusted files with limited memory and time.

`python -m inference.media.sandbox OPERATION SOURCE TARGET` is the child: it runs one operation (a
function named as module:function that takes the two paths and returns a dataclass) and writes one
JSON object. Every failure of the child becomes one clear error in the parent.
"""

import importlib
import json
import resource
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.core.errors import (
    Fault,
    FaultCode,
    InputCode,
    InputError,
    PortraitError,
    from_code,
    from_os_error,
)
from inference.core.inputs import Box, Face, Picture, Recording
from inference.core.settings import ROOT

MAX_MEMORY_BYTES = 1536 * 2**20
MAX_OUTPUT_BYTES = 160 * 2**20  # ten minutes of 48 kHz stereo are 115 MB
MAX_OPEN_FILES = 64
MAX_CPU_S = 90
# The stack and heap of each thread count as memory, and the work is too small for threads.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUTF8": "1",
}
_OUT_OF_MEMORY_STATUS = 3  # exit status of the child
_MAX_LOGGED_CHARACTERS = 2000  # from the end of a crashed child's error output


@dataclass(frozen=True)
class Operation:
    """Function for the child, its time limit, and the codes of its failures.

    `entry` is module:function; `noun` names the kind of file in messages.
    """

    entry: str
    noun: str
    unreadable: InputCode
    too_large: InputCode
    wall_s: float


PICTURE_OPERATION = Operation(
    "inference.media.picture:clean_picture",
    "picture",
    InputCode.NOT_A_PICTURE,
    InputCode.PICTURE_TOO_LARGE,
    wall_s=60,
)
RECORDING_OPERATION = Operation(
    "inference.media.recording:clean_recording",
    "recording",
    InputCode.NOT_A_RECORDING,
    InputCode.RECORDING_TOO_LARGE,
    wall_s=120,
)


def read_picture(source: Path, target: Path) -> Picture:
    """Write a clean copy of the picture `source` to `target`, and return its size and faces.

    Faces are ordered left to right. Raises InputError when `source` is unusable, Fault when
    `target` can't be written; no `target` is left then.
    """
    values = run_operation(PICTURE_OPERATION, source, target)
    faces = (Face(Box(**face["box"]), face["score"]) for face in values["faces"])
    return Picture(values["width"], values["height"], tuple(faces))


def read_recording(source: Path, target: Path) -> Recording:
    """Write a clean 48 kHz copy of the recording `source` to `target`, and return its measurements.

    Raises InputError when `source` is unusable, Fault when `target` can't be written; no `target`
    is left then.
    """
    return Recording(**run_operation(RECORDING_OPERATION, source, target))


def run_operation(operation: Operation, source: Path, target: Path) -> dict[str, Any]:
    """Run the operation in a child process, and return the fields of its dataclass."""
    _require_file(operation, source)
    try:
        return _run_child(operation, source, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _require_file(operation: Operation, source: Path) -> None:
    """Raise InputError unless `source` is a readable, ordinary file that is not empty."""
    name = str(source).encode(errors="replace").decode()  # a file name need not be valid UTF-8
    try:
        source.stat()
    except (OSError, ValueError) as error:  # missing, or an impossible name
        raise InputError(
            InputCode.NOT_FOUND, f"There is no file at {name}. Check the path.", str(error)
        ) from error
    if source.is_dir():
        message = f"{name} is a folder. Give a {operation.noun} file."
        raise InputError(operation.unreadable, message)
    if not source.is_file():
        message = f"{name} is no ordinary file. Give a {operation.noun} file."
        raise InputError(operation.unreadable, message)
    try:
        with source.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        message = f"{name} can't be read. Check its permissions."
        raise InputError(InputCode.NOT_FOUND, message, str(error)) from error
    if empty:
        message = f"This file is empty. Choose another {operation.noun}."
        raise InputError(InputCode.EMPTY_FILE, message)


def _run_child(operation: Operation, source: Path, target: Path) -> dict[str, Any]:
    # Absolute, because the child has another working directory, and so that none looks like an
    # option.
    arguments = [operation.entry, str(source.absolute()), str(target.absolute())]
    try:
        child = subprocess.run(
            [sys.executable, "-m", "inference.media.sandbox", *arguments],
            cwd=ROOT,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=operation.wall_s,
            process_group=0,  # only this process handles Ctrl-C
        )
    except subprocess.TimeoutExpired:
        raise _build_timeout_error(operation, f"over {operation.wall_s:g} s") from None
    if child.returncode != 0:
        output = child.stderr.decode(errors="replace")[-_MAX_LOGGED_CHARACTERS:]
        raise _to_portrait_error(operation, child.returncode, output)
    answer = json.loads(child.stdout)
    if "error" in answer:
        raise from_code(**answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def _to_portrait_error(operation: Operation, status: int, output: str) -> PortraitError:
    """Return the error for a child's exit status (negative: killed by that signal)."""
    if status == _OUT_OF_MEMORY_STATUS:
        message = f"This {operation.noun} needs too much memory to open. Choose a smaller one."
        return InputError(operation.too_large, message, output)
    if status == -signal.SIGXCPU:
        return _build_timeout_error(operation, f"over {MAX_CPU_S} s of CPU time")
    if status < 0:
        message = (
            f"This {operation.noun} could not be opened; it may be damaged. Choose another one."
        )
        return InputError(operation.unreadable, message, f"signal {-status}\n{output}")
    message = "Something broke on our side. Try again."
    return Fault(FaultCode.INTERNAL, message, f"sandbox exit {status}\n{output}")


def _build_timeout_error(operation: Operation, details: str) -> InputError:
    message = f"This {operation.noun} takes too long to open. Choose another one."
    return InputError(operation.unreadable, message, details)


def execute(entry: str, source: Path, target: Path) -> dict[str, Any]:
    """Run `entry` under limits; return {"result": fields} or {"error": code, message, details}."""
    module, _, function = entry.partition(":")
    operate = getattr(importlib.import_module(module), function)
    _limit_resources()
    try:
        return {"result": asdict(operate(source, target))}
    except PortraitError as error:
        failure = error
    except OSError as error:  # of reading or writing; decoders' errors are caught in the operation
        failure = from_os_error(error, target.parent)
    fields = {"code": failure.code, "message": failure.message, "details": failure.details}
    return {"error": fields}


def _limit_resources() -> None:
    """Limit this process's memory, time, open files and output size to those of one operation."""
    limits = {
        resource.RLIMIT_CPU: MAX_CPU_S,
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


def main(arguments: list[str]) -> int:
    """Run the child, write its answer to standard output, and return the exit status."""
    entry, source, target = arguments
    try:
        answer = execute(entry, Path(source), Path(target))
    except MemoryError:
        return _OUT_OF_MEMORY_STATUS
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
