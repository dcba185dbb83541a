"""What an engine is given: a request, its plan and a folder with fixed file names."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from inference.core.plan import Plan
from inference.core.request import Request

PICTURE = "picture.png"
REQUEST = "request.json"
PLAN = "plan.json"
SOUND = "sound.wav"
RESULT = "result.mp4"
REPORT = "report.json"  # what was found of the result; see `inference.core.report`
PUBLISHED = "published.json"  # where the result lies in a bucket; see `inference.storage.publisher`
PREVIEW = "frames/latest.jpg"
REMOTE = (
    "remote.json"  # where it is made, when that is elsewhere; see `inference.cloud.remote_handle`
)
PREVIOUS_REMOTE = "remote-before.json"  # ... where it was, before it was started again
OUTPUTS = ("frames", "windows", "growing", SOUND, RESULT, REPORT)  # what carrying it out leaves


def voice_name(index: int) -> str:
    """File name of the clean recording `index`, from 0."""
    return f"voice-{index + 1}.wav"


def segment_name(index: int) -> str:
    """File name of the finished segment of window `index`, from 0."""
    return f"windows/{index:03d}.mp4"


def state_name(index: int) -> str:
    """File name of what window `index`, from 0, hands on to the next one."""
    return f"windows/{index:03d}.state.safetensors"


def measurements_name(index: int) -> str:
    """File name of what was measured of window `index`, from 0; see `inference.quality`."""
    return f"windows/{index:03d}.measured.npz"


def partial_video_name(index: int) -> str:
    """File name of the film, with its sound, up to and with window `index`, from 0."""
    return f"growing/{index:03d}.mp4"


@dataclass(frozen=True)
class Task:
    """One piece of work. `folder` holds the clean picture and recordings and takes the results."""

    request: Request
    plan: Plan
    folder: Path

    def prepare_path(self, name: str) -> Path:
        """The file of that name in the folder; a folder inside it is made, itself it is not:
        one that was deleted stays so."""
        path = self.folder / name
        if path.parent != self.folder:
            path.parent.mkdir(exist_ok=True)
        return path

    def save(self) -> None:
        """Write request and plan into the folder."""
        self.prepare_path(REQUEST).write_text(json.dumps(asdict(self.request), indent=1))
        self.prepare_path(PLAN).write_text(json.dumps(asdict(self.plan), indent=1))


def load_task(folder: Path) -> Task:
    """The task that `Task.save` wrote into `folder`."""
    request = TypeAdapter(Request).validate_json((folder / REQUEST).read_bytes())
    plan = TypeAdapter(Plan).validate_json((folder / PLAN).read_bytes())
    return Task(request, plan, folder)
