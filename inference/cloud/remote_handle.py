"""The mark in a task's folder that says where it is made: the call on Modal, and how much of what
it tells was heard. Whoever comes next takes it up there."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from inference.core.task import PREVIOUS_REMOTE, REMOTE


@dataclass(frozen=True)
class RemoteHandle:
    """`job` is its name there; `call` the id of its call, "" before there is one; `seen` the number
    of the last event that was heard of, -1 before the first. `attempt` tells this start of the job
    from others: of several calls for one attempt only the first makes the video."""

    job: str
    call: str
    seen: int = -1
    attempt: str = ""


_ADAPTER = TypeAdapter(RemoteHandle)


def read_handle(folder: Path, name: str = REMOTE) -> RemoteHandle | None:
    """The mark in `folder`; None when there is none, or none that can be read."""
    try:
        return _ADAPTER.validate_json((folder / name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def read_handles(folder: Path) -> list[RemoteHandle]:
    """All marks in `folder`: also that of a call which was given up for another."""
    return [mark for name in (REMOTE, PREVIOUS_REMOTE) if (mark := read_handle(folder, name))]


def write_handle(folder: Path, mark: RemoteHandle) -> None:
    """Leave `mark` in `folder`, whole. Raises OSError."""
    part = folder / f"{REMOTE}.part"
    part.write_bytes(_ADAPTER.dump_json(mark))
    os.replace(part, folder / REMOTE)
