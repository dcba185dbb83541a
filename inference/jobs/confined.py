"""Making of a job's video: in this process, or in one of its own that is confined to what it makes.

The latter has no settings and no secrets, and tells its events as lines of JSON, which another
process checks, writes down, signs and publishes. It makes drafts; MultiTalk's drivers need more.

It works in the folder `making` of the job's one, with links to what it reads and to the folders of
its windows: owner, history and what the server believes in the job's folder are not its to write.
"""

import importlib
import logging
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from inference.core.confinement.confine import (
    Reach,
    confine,
    end_with_parent,
    hide_memory,
    limit_resources,
)
from inference.core.engine import Engine, convert_errors
from inference.core.events import (
    FINAL,
    Cancelled,
    Event,
    Finished,
    Frame,
    Record,
    Window,
    parse_record,
)
from inference.core.files import delete_path
from inference.core.settings import ROOT
from inference.core.task import (
    OUTPUTS,
    PICTURE,
    PREVIEW,
    REPORT,
    RESULT,
    Task,
    load_task,
    segment_name,
    voice_name,
)
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
_MAKING = "making"
_FOLDERS = tuple(name for name in OUTPUTS if not Path(name).suffix)
_FILES = tuple(name for name in OUTPUTS if Path(name).suffix)
_LIMITS = {  # far more than the longest draft takes
    resource.RLIMIT_CPU: 2 * (4 * 60 * 60,),
    resource.RLIMIT_FSIZE: 2 * (512 << 20,),
    resource.RLIMIT_CORE: (0, 0),
}


class PartialVideo(Protocol):
    """Video of the windows finished so far; see `inference.rendering.partial_video`."""

    def add(self, window: Window) -> None: ...

    def clean_up(self) -> None: ...


def produce(task: Task, engine: Engine, job: Path | None = None) -> Iterator[Event]:
    """Yield the engine's events without the windows that the history has, up to the final one.

    Each window is added to the growing film before its event. `job` is the folder with the history,
    when it isn't the task's own.
    """
    job = job or task.folder
    before = history.read_records(job)
    known = {record.event.index for record in before if isinstance(record.event, Window)}
    video = _create_partial_video(task)
    for event in engine.generate(task, partial(is_cancelled, job)):
        if isinstance(event, Window):
            if event.index in known:
                continue
            known.add(event.index)  # a call on Modal that is run again reports it once more
            _try_step(partial(video.add, event))
        if isinstance(event, FINAL):
            _try_step(video.clean_up)
            yield event
            return
        yield event


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
        self._module = module
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
        """Yield the events of `produce` with the draft engine.

        Nothing of the process is left at the final one. Raises OSError, and what `parse_record`
        raises, also for an event that names others' files.
        """
        lines = self._process.stdout
        assert lines
        with self._process, self._channel:
            try:
                _prepare_folders(task)
                name = os.fsencode(task.folder.absolute())
                try:
                    socket.send_fds(self._channel, [name], [2])  # its log
                except ConnectionError:  # it has ended while it waited
                    yield from ConfinedProcess(self._module).produce(task)
                    return
                while line := lines.readline(_MAX_LINE_BYTES):
                    event = parse_record(line.decode()).event
                    _check_paths(event, task)
                    if isinstance(event, FINAL):
                        self._process.kill()
                        self._process.wait()
                        _take_over_files(task)
                        yield event
                        return
                    yield event
            finally:
                self._process.kill()

    def close(self) -> None:
        """End the process if no draft was asked of it."""
        self._channel.close()


def _prepare_folders(task: Task) -> None:
    """Make the folders that the process may write into, and the links in its own."""
    making = task.folder / _MAKING
    delete_path(making)
    making.mkdir()
    for name in _FOLDERS:
        (task.folder / name).mkdir(exist_ok=True)
    voices = map(voice_name, range(len(task.request.recordings)))
    for name in (PICTURE, *voices, *_FOLDERS):
        (making / name).symlink_to(Path("..", name))


def _take_over_files(task: Task) -> None:
    """Move what the process made, which has ended, into the job's folder."""
    making = task.folder / _MAKING
    for name in _FILES:
        made = making / name
        if made.is_file() and not made.is_symlink():
            made.replace(task.folder / name)
    delete_path(making)


def _check_paths(event: Event, task: Task) -> None:
    """Raise ValueError when the event names other files than a draft's: it may come from anyone."""
    match event:
        case Window(index=index, path=path):
            known = index in range(len(task.plan.windows)) and path == segment_name(index)
        case Frame(path=path):
            known = path == PREVIEW
        case Finished(result=result):
            known = result.path == RESULT and result.report in (None, REPORT)
        case Cancelled(path=path):
            known = path in (None, RESULT)
        case _:
            known = True
    if not known:
        raise ValueError(f"a draft's process named others' files: {event}")


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
    limit_resources(_LIMITS)
    writable = [folder / name for name in (_MAKING, *_FOLDERS)]
    confine(Reach(readable=(folder,), writable=writable, changes_folders=True))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    task = replace(load_task(folder), folder=folder / _MAKING)
    events = produce(task, select(EngineFamily.DRAFT.value), folder)
    for number, event in enumerate(convert_errors(events, folder)):
        sys.stdout.write(Record(number, event).to_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
