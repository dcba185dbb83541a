"""Untrusted files are decoded in a process of their own, with little memory and little time.

`python -m inference.media.sandbox OPERATION SOURCE TARGET` is that process: it carries out one
operation (a function named as module:function that takes the two paths and returns a dataclass)
and writes one JSON object. Whatever becomes of it is one clear error here.
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
from inference.core.options import Box
from inference.core.request import Face, Picture, Recording
from inference.core.settings import ROOT

MAX_MEMORY_BYTES = 1536 * 2**20
MAX_OUTPUT_BYTES = 160 * 2**20  # ten minutes of 48 kHz stereo are 115 MB
MAX_OPEN_FILES = 64
MAX_CPU_S = 90
# Each thread's stack and heap would count as memory, and the work is too small to share out.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUTF8": "1",
}
_OUT_OF_MEMORY_STATUS = 3  # exit status of the child
_MAX_LOGGED_CHARACTERS = 2000  # of what a crashed child said last


@dataclass(frozen=True)
class Operation:
    """What the child does, for how long at most, and how its failures are called.

    `entry` is module:function; `noun` says in sentences what is opened.
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
    """Size and faces, left to right, of the picture `source`; `target` becomes its clean copy.

    Raises InputError when it can't be used, Fault when `target` can't be written. No `target` is
    left then.
    """
    values = run_operation(PICTURE_OPERATION, source, target)
    faces = (Face(Box(**face["box"]), face["score"]) for face in values["faces"])
    return Picture(values["width"], values["height"], tuple(faces))


def read_recording(source: Path, target: Path) -> Recording:
    """Length and level of the recording `source`; `target` becomes its clean 48 kHz copy.

    Raises InputError when it can't be used, Fault when `target` can't be written. No `target` is
    left then.
    """
    return Recording(**run_operation(RECORDING_OPERATION, source, target))


def run_operation(operation: Operation, source: Path, target: Path) -> dict[str, Any]:
    """The fields of the dataclass that the operation returned, from a process of its own."""
    _require_file(operation, source)
    try:
        return _run_child(operation, source, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _require_file(operation: Operation, source: Path) -> None:
    """Refuse what is no file that can be read: missing, a folder, empty, forbidden."""
    name = str(source).encode(errors="replace").decode()  # a name need not be text
    try:
        source.stat()
    except (OSError, ValueError) as error:  # no such file, or no name that one could have
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
    # Absolute, because the child starts elsewhere and so that none is taken for an option.
    arguments = [operation.entry, str(source.absolute()), str(target.absolute())]
    try:
        child = subprocess.run(
            [sys.executable, "-m", "inference.media.sandbox", *arguments],
            cwd=ROOT,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=operation.wall_s,
            process_group=0,  # Ctrl-C is for this process alone to answer
        )
    except subprocess.TimeoutExpired:
        raise _build_timeout_error(operation, f"over {operation.wall_s:g} s") from None
    if child.returncode != 0:
        said = child.stderr.decode(errors="replace")[-_MAX_LOGGED_CHARACTERS:]
        raise _to_portrait_error(operation, child.returncode, said)
    answer = json.loads(child.stdout)
    if "error" in answer:
        raise from_code(**answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def _to_portrait_error(operation: Operation, status: int, said: str) -> PortraitError:
    """What to tell of a child that ended with that exit status (negative: by that signal)."""
    if status == _OUT_OF_MEMORY_STATUS:
        message = f"This {operation.noun} needs too much memory to open. Choose a smaller one."
        return InputError(operation.too_large, message, said)
    if status == -signal.SIGXCPU:
        return _build_timeout_error(operation, f"over {MAX_CPU_S} s of CPU time")
    if status < 0:
        message = (
            f"This {operation.noun} could not be opened; it may be damaged. Choose another one."
        )
        return InputError(operation.unreadable, message, f"signal {-status}\n{said}")
    message = "Something broke on our side. Try again."
    return Fault(FaultCode.INTERNAL, message, f"sandbox exit {status}\n{said}")


def _build_timeout_error(operation: Operation, details: str) -> InputError:
    message = f"This {operation.noun} takes too long to open. Choose another one."
    return InputError(operation.unreadable, message, details)


def execute(entry: str, source: Path, target: Path) -> dict[str, Any]:
    """The child's answer: {"result": fields} or {"error": code, message, details}."""
    module, _, function = entry.partition(":")
    act = getattr(importlib.import_module(module), function)
    _limit_resources()
    try:
        return {"result": asdict(act(source, target))}
    except PortraitError as error:
        failure = error
    except OSError as error:  # not the decoders': those are caught where they decode
        failure = from_os_error(error)
    fields = {"code": failure.code, "message": failure.message, "details": failure.details}
    return {"error": fields}


def _limit_resources() -> None:
    """Give this process no more memory, time, files and output than one operation may need."""
    limits = {
        resource.RLIMIT_CPU: MAX_CPU_S,
        resource.RLIMIT_FSIZE: MAX_OUTPUT_BYTES,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform == "linux":  # macOS knows the limit but doesn't keep it
        limits[resource.RLIMIT_AS] = MAX_MEMORY_BYTES
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(
            kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )


def main(arguments: list[str]) -> int:
    """Exit status of the child, whose answer is on standard output."""
    entry, source, target = arguments
    try:
        answer = execute(entry, Path(source), Path(target))
    except MemoryError:
        return _OUT_OF_MEMORY_STATUS
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
