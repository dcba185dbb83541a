"""Input of an engine: a request, its plan, and a folder with fixed file names."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from inference.core.files import UnreadableFile, read_json, write_whole
from inference.core.options import Permission
from inference.core.plan import Plan
from inference.core.request import Request
from presets.quality import PRESETS

PICTURE = "picture.png"
REQUEST = "request.json"
PLAN = "plan.json"
SOUND = "sound.wav"
RESULT = "result.mp4"
REPORT = "report.json"  # quality of the result; see `inference.core.report`
PUBLISHED = "published.json"  # where the result is stored; see `inference.storage.publication`
PREVIEW = "frames/latest.jpg"
REMOTE = "remote.json"  # handle of the remote job; see `inference.cloud.remote_handle`
PREVIOUS_REMOTE = "remote-before.json"  # handle of the remote job before a restart
GIF, STILL = "result.gif", "still.jpg"  # made of the result on request
DERIVED = (GIF, STILL)
OUTPUTS = ("frames", "windows", "growing", SOUND, RESULT, REPORT)  # written by the engine

_REQUEST, _PLAN = TypeAdapter(Request), TypeAdapter(Plan)
_T = TypeVar("_T")


def voice_name(index: int) -> str:
    """Return the file name of the clean recording `index`, from 0."""
    return f"voice-{index + 1}.wav"


def segment_name(index: int) -> str:
    """Return the file name of the finished segment of window `index`, from 0."""
    return f"windows/{index:03d}.mp4"


def state_name(index: int) -> str:
    """Return the file name of the state that window `index`, from 0, passes to the next one."""
    return f"windows/{index:03d}.state.safetensors"


def measurements_name(index: int) -> str:
    """Return the file name of the measurements of window `index`, from 0."""
    return f"windows/{index:03d}.measured.npz"


def partial_video_name(index: int) -> str:
    """Return the file name of the video, with sound, up to and including window `index`, from 0."""
    return f"growing/{index:03d}.mp4"


@dataclass(frozen=True)
class Task:
    """Unit of work. `folder` holds the clean picture and recordings, and receives the results."""

    request: Request
    plan: Plan
    folder: Path

    def prepare_path(self, name: str) -> Path:
        """Return the path of `name` in the folder, creating its parent folder.

        The task's folder itself is never created: a deleted job stays deleted.
        """
        path = self.folder / name
        if path.parent != self.folder:
            path.parent.mkdir(exist_ok=True)
        return path

    def save(self) -> None:
        """Write request and plan into the folder."""
        _write_request(self.folder, self.request)
        write_whole(self.folder / PLAN, json.dumps(asdict(self.plan), indent=1))


def load_task(folder: Path) -> Task:
    """Return the task that `Task.save` wrote into `folder`.

    Raises UnreadableFile, which also a missing file is.
    """
    return Task(read_request(folder), read_plan(folder), folder)


def read_request(folder: Path) -> Request:
    """Return the request of the task in `folder`. Raises UnreadableFile."""
    return _read(folder / REQUEST, _REQUEST)


def state_permission(folder: Path) -> None:
    """Record with the task in `folder` that its face and voice may be used.

    Raises UnreadableFile, OSError.
    """
    _write_request(folder, replace(read_request(folder), permission=Permission.STATED))


def read_plan(folder: Path) -> Plan:
    """Return the plan of the task in `folder`. Raises UnreadableFile."""
    plan = _read(folder / PLAN, _PLAN)
    is_possible = min(plan.frames, plan.width, plan.height) > 0 and plan.windows
    if not is_possible or not all(plan.new_frames(index) for index in range(len(plan.windows))):
        raise UnreadableFile(folder / PLAN, f"{plan.frames} frames")
    if plan.quality not in PRESETS:
        raise UnreadableFile(folder / PLAN, f"quality {plan.quality[:40]}")
    return plan


def _write_request(folder: Path, request: Request) -> None:
    write_whole(folder / REQUEST, json.dumps(asdict(request), indent=1))


def _read(path: Path, adapter: TypeAdapter[_T]) -> _T:
    try:
        return read_json(path, adapter)
    except FileNotFoundError as error:
        raise UnreadableFile(path, repr(error)) from error
