"""Handle of a remote job: the file in a task's folder that names its call on Modal.

It also holds the number of the last event that was handled, so that a later process resumes there.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from inference.core.task import PREVIOUS_REMOTE, REMOTE


@dataclass(frozen=True)
class RemoteHandle:
    """Handle of a remote job, stored as JSON.

    `job` is its name on Modal, `call` the id of its call ("" before it is known), `seen` the number
    of the last handled event (-1 before the first). `attempt` names this start of the job: of
    several calls for one attempt only the first makes the video.
    """

    job: str
    call: str
    seen: int = -1
    attempt: str = ""


_ADAPTER = TypeAdapter(RemoteHandle)


def read_handle(folder: Path, name: str = REMOTE) -> RemoteHandle | None:
    """Return the handle in `folder`; None when it is missing or can't be parsed."""
    try:
        return _ADAPTER.validate_json((folder / name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def read_handles(folder: Path) -> list[RemoteHandle]:
    """Return the current and the previous handle, as far as `folder` has them."""
    handles = (read_handle(folder, name) for name in (REMOTE, PREVIOUS_REMOTE))
    return [handle for handle in handles if handle]


def write_handle(folder: Path, handle: RemoteHandle) -> None:
    """Replace the handle in `folder` in one step. Raises OSError."""
    part = folder / f"{REMOTE}.part"
    part.write_bytes(_ADAPTER.dump_json(handle))
    os.replace(part, folder / REMOTE)
