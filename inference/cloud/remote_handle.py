"""Handle of a remote job: the file in a task's folder that names its call on Modal.

It also holds the number of the last event that was handled, so that a later process resumes there.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from inference.core.files import UnreadableFile, read_json, write_whole
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
    """Return the handle in `folder`; None when it is missing or damaged."""
    try:
        return read_json(folder / name, _ADAPTER)
    except (FileNotFoundError, UnreadableFile):
        return None


def read_handles(folder: Path) -> list[RemoteHandle]:
    """Return the current and the previous handle, as far as `folder` has them."""
    handles = (read_handle(folder, name) for name in (REMOTE, PREVIOUS_REMOTE))
    return [handle for handle in handles if handle]


def write_handle(folder: Path, handle: RemoteHandle, sync: bool = True) -> None:
    """Replace the handle in `folder` in one step; see `write_whole`. Raises OSError."""
    write_whole(folder / REMOTE, _ADAPTER.dump_json(handle), sync=sync)
