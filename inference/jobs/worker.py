"""Carries out one job and writes down what happens: `python -m inference.jobs.worker FOLDER`.

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

from inference.core.cost_model import describe_maker
from inference.core.engine import Engine
from inference.core.errors import FaultCode, PortraitError
from inference.core.events import FINAL, Event, Failed, Finished, Record, Stage, StageName, Window
from inference.core.settings import load_settings
from inference.core.task import Task, load_task
from inference.engines.select import select_engine_for
from inference.jobs import history, job_folder, lock, throughput
from inference.jobs.store import JOBS
from presets.quality import PRESETS
from presets.schema import EngineFamily

logger = logging.getLogger(__name__)

EngineSelector = Callable[[EngineFamily], Engine]
STARTING = Stage(StageName.STARTING, "Starting")
_INTERNAL_ERROR = "Something broke on our side. Try again."


class PartialVideo(Protocol):
    """What of the video can be played already; see `inference.rendering.partial_video`."""

    def add(self, window: Window) -> None: ...

    def clean_up(self) -> None: ...


def select_engine(family: EngineFamily) -> Engine:
    """Who makes videos of that family with this server's settings, which a worker inherits."""
    return select_engine_for(family, load_settings())


def run_job(folder: Path, select: EngineSelector = select_engine) -> Event:
    """The final event of the job in `folder`, after every event was written to its history.

    `select` gives the engine for the quality's engine family. Windows that the
    history has from an earlier start are not told again.
    """
    before = history.read_records(folder)
    written = history.HistoryWriter(folder)
    written.append(STARTING)
    for event in _run_engine(folder, select, before):
        written.append(event)
        if isinstance(event, Failed):
            logger.error("%s: %s %s", event.code, event.message, event.details)
    return event


def _run_engine(folder: Path, select: EngineSelector, before: Sequence[Record]) -> Iterator[Event]:
    """The engine's events but windows known `before`, the last final whatever the engine does."""
    known = {record.event.index for record in before if isinstance(record.event, Window)}
    try:
        task = load_task(folder)
        engine = select(PRESETS[task.plan.quality].engine)
        film = _create_partial_video(task)
        for event in engine.generate(task, partial(job_folder.is_cancelled, folder)):
            if isinstance(event, Window):
                if event.index in known:
                    continue
                known.add(event.index)  # a machine that is replaced tells of it once more
                _try_step(partial(film.add, event), "the growing film was left out")
            yield event
            if isinstance(event, FINAL):
                if isinstance(event, Finished):
                    after = before[-1].seq if before else -1
                    _try_step(
                        partial(_record_throughput, task, engine, after), "its pace was not noted"
                    )
                _try_step(film.clean_up, "the growing film was left out")
                if isinstance(event, Finished):
                    _try_step(partial(_publish, task), "it was not published")
                return
        yield Failed(
            FaultCode.INTERNAL, _INTERNAL_ERROR, f"{engine.name} ended without a final event"
        )
    except PortraitError as error:
        yield Failed(error.code, error.message, error.details)
    except Exception:
        yield Failed(FaultCode.INTERNAL, _INTERNAL_ERROR, traceback.format_exc())


def _create_partial_video(task: Task) -> PartialVideo:
    # by name, so that a worker says that it starts before it loads what reads and writes media
    film: PartialVideo = importlib.import_module("inference.rendering.partial_video").PartialVideo(
        task
    )
    return film


def _record_throughput(task: Task, engine: Engine, after: int) -> None:
    """For the estimates of jobs to come; a folder by itself has none beside it."""
    if task.folder.parent.name == JOBS:
        data, maker = task.folder.parent.parent, describe_maker(engine.name, load_settings())
        throughput.record_run(data, task, maker, after)


def _publish(task: Task) -> None:
    """Put a final video into the bucket, where there is one; a draft only when somebody asks."""
    settings = load_settings()
    if settings.bucket and PRESETS[task.plan.quality].engine is not EngineFamily.DRAFT:
        # by name, because few workers need what speaks to a bucket
        importlib.import_module("inference.storage.publisher").publish(task.folder, settings)


def _try_step(step: Callable[[], None], or_else: str) -> None:
    """A step without which a job is as good; `or_else` is said when it fails."""
    try:
        step()
    except Exception:
        logger.exception(or_else)


def main(arguments: list[str], select: EngineSelector = select_engine) -> int | str:
    """Run the job in the folder named by the one argument; returns the exit status, or what to
    say with status 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    folder = Path(arguments[0])
    if not folder.is_dir():
        return f"There is no job in {folder}."
    descriptor = lock.acquire_inherited(folder / job_folder.LOCK)
    if descriptor is None:
        descriptor = lock.acquire(folder / job_folder.LOCK)
        if descriptor is None:
            return "Another worker has this job already."
        lock.write_holder(descriptor, os.getpid())
        (folder / job_folder.WAITING).unlink(missing_ok=True)  # it is at work now
    return int(isinstance(run_job(folder, select), Failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
