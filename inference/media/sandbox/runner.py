"""Decoding of untrusted files in child processes: limited, and shut in with their files.

Every failure of a child (`inference.media.sandbox.child`) becomes one clear error here.
"""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.core.errors import (
    Fault,
    FaultCode,
    InputCode,
    InputError,
    PortraitError,
    from_code,
)
from inference.core.files import parse_json
from inference.media.sandbox.child import OUT_OF_MEMORY_STATUS, Order
from inference.media.sandbox.launch import launch

_MAX_ANSWER_BYTES = 1 << 20
_MAX_LOGGED_CHARACTERS = 2000  # from the end of a crashed child's error output


@dataclass(frozen=True)
class Budget:
    """Time that a child may take: whole seconds of its processor time and of the clock."""

    cpu_s: int
    wall_s: float


DECODING_BUDGET = Budget(cpu_s=20, wall_s=40)


@dataclass(frozen=True)
class Operation:
    """Function for the child, its budget, and the codes of its failures.

    `entry` is module:function; `noun` names the kind of file in messages.
    """

    entry: str
    noun: str
    unreadable: InputCode
    too_large: InputCode
    budget: Budget = DECODING_BUDGET


@dataclass(frozen=True)
class Call:
    """Operation on the file `source`, which may write the file `target`; `numbers` are for it.

    Of other files it may read those in `beside`.
    """

    operation: Operation
    source: Path
    target: Path
    numbers: tuple[int, ...] = ()
    beside: tuple[Path, ...] = ()


class TookTooLong(InputError):
    """A file took more than its budget."""


class SandboxClosed(Fault):
    """The server is being stopped, and its children with it."""

    def __init__(self) -> None:
        super().__init__(FaultCode.INTERNAL, "The server is being stopped. Try again in a moment.")


class Sandbox:
    """Runner of operations in child processes."""

    def __init__(self) -> None:
        self._children: set[_Child] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def run(self, *calls: Call) -> list[dict[str, Any]]:
        """Run all calls at once; return the fields of the dataclass of each.

        Raises the InputError or Fault of the first unusable file in the order given. Then, as on a
        KeyboardInterrupt, the other children are ended, not waited for, and no target is left.
        """
        return self._run(calls)

    def _run(
        self,
        calls: Sequence[Call],
        must_stop: Callable[[float], bool] = lambda waited_s: False,
        spent_s: int = 0,
    ) -> list[dict[str, Any]]:
        """Run the calls; `spent_s` is spent of their budgets already.

        `must_stop` is asked, every second, whether to raise TookTooLong after that many seconds.
        """
        children, refusal = [], None
        try:
            with ExitStack() as stack:
                for call in calls:
                    if refusal := _find_refusal(call.operation, call.source):
                        break
                    children.append(self._start(stack, call, spent_s))
                answers = [child.wait(must_stop) for child in children]
                if refusal:
                    raise refusal
                return answers
        except BaseException as error:
            for call in calls:
                call.target.unlink(missing_ok=True)
            if self._is_closed:  # which ended the children
                raise SandboxClosed from error
            raise

    def close(self) -> None:
        """End all children, and refuse further calls with a Fault."""
        with self._lock:
            self._is_closed = True
            for child in list(self._children):
                child.kill()

    def _start(self, stack: ExitStack, call: Call, spent_s: int) -> "_Child":
        with self._lock:
            if self._is_closed:
                raise SandboxClosed
            child = _Child(call, spent_s)
            stack.callback(child.end)
            self._children.add(child)
            stack.callback(self._children.discard, child)
            return child


class _Child:
    """Running call. Raises OSError if it can't be started."""

    def __init__(self, call: Call, spent_s: int) -> None:
        self._call, budget = call, call.operation.budget
        self._started = time.monotonic() - spent_s
        order = Order(
            call.operation.entry,
            str(call.source.absolute()),  # the child has another working directory
            str(call.target.absolute()),
            budget.cpu_s - spent_s,
            budget.wall_s - spent_s,
            call.numbers,
            tuple(str(path.absolute()) for path in call.beside),
        )
        with ExitStack() as stack:  # files, limited in size as all that the child writes
            self._answer = stack.enter_context(tempfile.TemporaryFile())
            self._errors = stack.enter_context(tempfile.TemporaryFile())
            self._process = launch(order, self._answer, self._errors)
            stack.callback(self._process.end)
            self._resources = stack.pop_all()
        self.kill = self._process.kill
        self.end = self._resources.close

    def wait(self, must_stop: Callable[[float], bool]) -> dict[str, Any]:
        """Return the fields of the operation's dataclass. Raises PortraitError."""
        operation = self._call.operation
        while (status := self._process.wait(self._find_time_slice())) is None:
            waited_s = time.monotonic() - self._started
            if waited_s > operation.budget.wall_s or must_stop(waited_s):
                raise _build_timeout_error(operation, f"over {waited_s:.1f} s")
        if status in (-signal.SIGXCPU, -signal.SIGALRM):
            raise _build_timeout_error(operation, "over the limits")
        if status != 0:
            raise _to_portrait_error(operation, status, self._read_errors())
        self._answer.seek(0)
        return _parse_answer(operation, self._answer.read(_MAX_ANSWER_BYTES))

    def _find_time_slice(self) -> float:
        """Return a second, or what is left of the budget."""
        left_s = self._started + self._call.operation.budget.wall_s - time.monotonic()
        return min(1.0, max(0.0, left_s))

    def _read_errors(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _MAX_LOGGED_CHARACTERS))
        return self._errors.read().decode(errors="replace")


DIRECT = Sandbox()  # whose calls wait for nobody


def _find_refusal(operation: Operation, source: Path) -> InputError | None:
    """Return None if `source` is a readable, ordinary file that is not empty."""
    name = str(source).encode(errors="replace").decode()  # a file name need not be valid UTF-8
    try:
        source.stat()
    except (OSError, ValueError) as error:  # missing, or an impossible name
        message = f"There is no file at {name}. Check the path."
        return InputError(InputCode.NOT_FOUND, message, str(error))
    if source.is_dir():
        message = f"{name} is a folder. Give a {operation.noun} file."
        return InputError(operation.unreadable, message)
    if not source.is_file():
        message = f"{name} is no ordinary file. Give a {operation.noun} file."
        return InputError(operation.unreadable, message)
    try:
        with source.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        message = f"{name} can't be read. Check its permissions."
        return InputError(InputCode.NOT_FOUND, message, str(error))
    if empty:
        message = f"This file is empty. Choose another {operation.noun}."
        return InputError(InputCode.EMPTY_FILE, message)
    return None


def _parse_answer(operation: Operation, output: bytes) -> dict[str, Any]:
    """Return the fields in a child's answer, whose sender may have become anyone's.

    Raises the PortraitError that it tells.
    """
    try:
        answer = parse_json(output)
    except ValueError:
        answer = None
    match answer:
        case {"error": {"code": str(code), "message": str(message), "details": str(details)}}:
            raise from_code(code, message, details)
        case {"result": dict(fields)}:
            return fields
    raise build_damaged_error(operation, f"answer {output[:_MAX_LOGGED_CHARACTERS]!r}")


def _to_portrait_error(operation: Operation, status: int, output: str) -> PortraitError:
    """Return the error for a child's exit status (negative: killed by that signal)."""
    if status == OUT_OF_MEMORY_STATUS:
        message = f"This {operation.noun} needs too much memory to open. Choose a smaller one."
        return InputError(operation.too_large, message, output)
    if status < 0:
        return build_damaged_error(operation, f"signal {-status}\n{output}")
    message = "Something broke on our side. Try again."
    return Fault(FaultCode.INTERNAL, message, f"sandbox exit {status}\n{output}")


def build_damaged_error(operation: Operation, details: str) -> InputError:
    """Return the error for a file that breaks its decoder."""
    message = f"This {operation.noun} could not be opened; it may be damaged. Choose another one."
    return InputError(operation.unreadable, message, details)


def _build_timeout_error(operation: Operation, details: str) -> TookTooLong:
    message = f"This {operation.noun} takes too long to open. Choose another one."
    return TookTooLong(operation.unreadable, message, details)
