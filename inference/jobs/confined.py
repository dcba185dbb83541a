"""Making of a job's video: in this process, or in one of its own that is confined to its folder.

The latter has no settings and no secrets, and tells its events as lines of JSON, which another
process writes down, signs and publishes. It makes drafts; MultiTalk's drivers need more.
"""

import importlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from inference.core.confinement.confine import Reach, confine, end_with_parent, hide_memory
from inference.core.engine import Engine, convert_errors
from inference.core.events import FINAL, Event, Record, Window, parse_record
from inference.core.settings import ROOT
from inference.core.task import Task, load_task
from inference.engines.select import select_engine
from inference.jobs import history
from inference.jobs.state import is_cancelled
from presets.schema import EngineFamily

logger = logging.getLogger(__name__)

# One thread until it is confined: threads of before would not be. OpenCV and x264 start theirs
# later, and drafts multiply no large matrices.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONUTF8": "1",
    "PATH": os.defpath,  # pydub looks for programs, and needs none
}
_MAX_LINE_BYTES = 1 << 20


class PartialVideo(Protocol):
    """Video of the windows finished so far; see `inference.rendering.partial_video`."""

    def add(self, window: Window) -> None: ...

    def clean_up(self) -> None: ...


def produce(task: Task, engine: Engine) -> Iterator[Event]:
    """Yield the engine's events without the windows that the history has, up to the final one.

    Each window is added to the growing film before its event.
    """
    before = history.read_records(task.folder)
    known = {record.event.index for record in before if isinstance(record.event, Window)}
    video = _create_partial_video(task)
    for event in engine.generate(task, partial(is_cancelled, task.folder)):
        if isinstance(event, Window):
            if event.index in known:
                continue
            known.add(event.index)  # a call on Modal that is run again reports it once more
            _try_step(partial(video.add, event))
        if isinstance(event, FINAL):
            _try_step(video.clean_up)
        yield event
        if isinstance(event, FINAL):
            return


def _create_partial_video(task: Task) -> PartialVideo:
    # by name: a worker writes its first event before it loads the media libraries
    module = importlib.import_module("inference.rendering.partial_video")
    video: PartialVideo = module.PartialVideo(task)
    return video


def _try_step(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception:
        logger.exception("the growing film was left out")


class ConfinedProcess:
    """Process that makes one draft; it is started ahead, and ends with this object's process."""

    def __init__(self, module: str = __name__) -> None:
        self._channel, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env=_ENVIRONMENT,
                stdin=other.fileno(),
                stdout=subprocess.PIPE,
            )

    def produce(self, task: Task) -> Iterator[Event]:
        """Yield the events of `produce` with the draft engine. Raises ValueError and OSError."""
        lines = self._process.stdout
        assert lines
        with self._process, self._channel:
            socket.send_fds(self._channel, [os.fsencode(task.folder.absolute())], [2])  # its log
            while line := lines.readline(_MAX_LINE_BYTES):
                yield parse_record(line.decode()).event

    def close(self) -> None:
        """End the process if no draft was asked of it."""
        self._channel.close()


def main(select: Callable[[str], Engine] = select_engine) -> None:
    """Wait for a folder, and make the draft in it."""
    end_with_parent()
    hide_memory()
    importlib.import_module("inference.draft.pipeline")
    importlib.import_module("inference.rendering.partial_video")
    with socket.socket(fileno=os.dup(0)) as channel:
        name, descriptors, *_ = socket.recv_fds(channel, 4096, 1)
    if not name:
        return  # no draft came
    os.dup2(descriptors[0], 2)
    os.close(descriptors[0])
    folder = Path(os.fsdecode(name))
    confine(Reach(writable=(folder,), changes_folders=True))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    task, engine = load_task(folder), select(EngineFamily.DRAFT.value)
    for number, event in enumerate(convert_errors(produce(task, engine), folder)):
        sys.stdout.write(Record(number, event).to_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
