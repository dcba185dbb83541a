"""Worker process of one job: runs its engine and writes its history.

    python -m inference.jobs.worker FOLDER

With `--wait` it is a process of `inference.core.processes.prepare`.

Exit status: 0 when the job finished or was cancelled, 1 when it failed or another worker has it.
"""

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from inference.core import processes
from inference.core.cost_model import describe_maker
from inference.core.engine import Engine
from inference.core.errors import FaultCode, PortraitError
from inference.core.events import FINAL, Event, Failed, Finished, Record, Stage, StageName, Window
from inference.core.files import delete_path
from inference.core.settings import load_settings
from inference.core.task import Task, load_task
from inference.engines.select import select_engine_for
from inference.jobs import history, lock, throughput
from inference.jobs.state import LOCK, WAITING, is_cancelled
from inference.jobs.store import JOBS
from presets.quality import PRESETS
from presets.schema import EngineFamily

logger = logging.getLogger(__name__)

EngineSelector = Callable[[EngineFamily], Engine]
STARTING = Stage(StageName.STARTING, "Starting")
_INTERNAL_ERROR = "Something broke on our side. Try again."


class PartialVideo(Protocol):
    """Video of the windows finished so far; see `inference.rendering.partial_video`."""

    def add(self, window: Window) -> None: ...

    def clean_up(self) -> None: ...


def select_engine(family: EngineFamily) -> Engine:
    """Return the engine for that family with this server's settings, which a worker inherits."""
    return select_engine_for(family, load_settings())


def run_job(folder: Path, select: EngineSelector = select_engine) -> Event:
    """Run the job, write every event to its history, and return the final one.

    `select` returns the engine for an engine family. Windows that are in the history already, from
    an earlier run, are not written again.
    """
    before = history.read_records(folder)
    writer = history.HistoryWriter(folder)
    writer.append(STARTING)
    for event in _run_engine(folder, select, before):
        writer.append(event)
        if isinstance(event, Failed):
            logger.error("%s: %s %s", event.code, event.message, event.details)
    return event


def _run_engine(folder: Path, select: EngineSelector, before: Sequence[Record]) -> Iterator[Event]:
    """Yield the engine's events without the windows in `before`.

    The last event is final, whatever the engine does.
    """
    known = {record.event.index for record in before if isinstance(record.event, Window)}
    try:
        task = load_task(folder)
        engine = select(PRESETS[task.plan.quality].engine)
        video = _create_partial_video(task)
        for event in engine.generate(task, partial(is_cancelled, folder)):
            if isinstance(event, Window):
                if event.index in known:
                    continue
                known.add(event.index)  # a call on Modal that is run again reports it once more
                _try_step(partial(video.add, event), "the growing film was left out")
            yield event
            if isinstance(event, FINAL):
                if isinstance(event, Finished):
                    after = before[-1].seq if before else -1
                    record = partial(_record_throughput, task, engine, after)
                    _try_step(record, "its pace was not noted")
                _try_step(video.clean_up, "the growing film was left out")
                if isinstance(event, Finished):
                    _try_step(partial(_publish, task), "it was not published")
                return
        details = f"{engine.name} ended without a final event"
        yield Failed(FaultCode.INTERNAL, _INTERNAL_ERROR, details)
    except PortraitError as error:
        yield Failed(error.code, error.message, error.details)
    except Exception:
        yield Failed(FaultCode.INTERNAL, _INTERNAL_ERROR, traceback.format_exc())


def _create_partial_video(task: Task) -> PartialVideo:
    # by name: a worker writes its first event before it loads the media libraries
    module = importlib.import_module("inference.rendering.partial_video")
    video: PartialVideo = module.PartialVideo(task)
    return video


def _record_throughput(task: Task, engine: Engine, after: int) -> None:
    """Record the run for later estimates, unless the folder belongs to no data folder."""
    if task.folder.parent.name == JOBS:
        data, maker = task.folder.parent.parent, describe_maker(engine.name, load_settings())
        throughput.record_run(data, task, maker, after)


def _publish(task: Task) -> None:
    """Publish a final video if there is a bucket. Drafts are published on request only."""
    settings = load_settings()
    if settings.bucket and PRESETS[task.plan.quality].engine.needs_gpu:
        # by name: few workers need the S3 client
        importlib.import_module("inference.storage.publisher").publish(task.folder, settings)


def _try_step(step: Callable[[], None], failure: str) -> None:
    """Run a step that the job can do without; log `failure` when it raises."""
    try:
        step()
    except Exception:
        logger.exception(failure)


def main(arguments: list[str], select: EngineSelector = select_engine) -> int | str:
    """Run the job in the folder named by the one argument.

    Returns the exit status, or a message that stands for status 1.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if arguments == [processes.WAIT]:
        if select is select_engine:
            importlib.import_module("inference.draft.pipeline")
            importlib.import_module("inference.rendering.partial_video")
        arguments = [processes.receive_folder()]
    folder = Path(arguments[0])
    if not folder.is_dir():
        return f"There is no job in {folder}."
    descriptor = lock.acquire_inherited(folder / LOCK)
    if descriptor is None:
        descriptor = lock.acquire(folder / LOCK)
        if descriptor is None:
            return "Another worker has this job already."
        lock.write_holder(descriptor, os.getpid())
        delete_path(folder / WAITING)  # started by hand: it waits no longer
    return int(isinstance(run_job(folder, select), Failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
