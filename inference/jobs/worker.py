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

from inference.core import processes
from inference.core.confinement.confine import can_confine, hide_memory
from inference.core.cost_model import describe_maker
from inference.core.engine import Engine
from inference.core.errors import FaultCode, PortraitError
from inference.core.events import FINAL, Event, Failed, Finished, Record, Stage, StageName
from inference.core.files import delete_path
from inference.core.settings import load_settings
from inference.core.task import Task, load_task
from inference.engines.select import select_engine_for
from inference.jobs import history, lock, throughput
from inference.jobs.confined import ConfinedProcess, produce
from inference.jobs.state import LOCK, WAITING
from inference.jobs.store import JOBS
from presets.quality import PRESETS
from presets.schema import EngineFamily

logger = logging.getLogger(__name__)

EngineSelector = Callable[[EngineFamily], Engine]
STARTING = Stage(StageName.STARTING, "Starting")
_INTERNAL_ERROR = "Something broke on our side. Try again."


def select_engine(family: EngineFamily) -> Engine:
    """Return the engine for that family with this server's settings, which a worker inherits."""
    return select_engine_for(family, load_settings())


def run_job(
    folder: Path, select: EngineSelector = select_engine, spare: ConfinedProcess | None = None
) -> Event:
    """Run the job, write every event to its history, and return the final one.

    `select` returns the engine for an engine family; a draft may use `spare`, if it was started
    ahead. Windows that are in the history already, from an earlier run, are not written again.
    """
    before = history.read_records(folder)
    writer = history.HistoryWriter(folder)
    writer.append(STARTING)
    for event in _run_engine(folder, select, before, spare):
        writer.append(event)
        if isinstance(event, Failed):
            logger.error("%s: %s %s", event.code, event.message, event.details)
    return event


def _run_engine(
    folder: Path, select: EngineSelector, before: Sequence[Record], spare: ConfinedProcess | None
) -> Iterator[Event]:
    """Yield the engine's events without the windows in `before`.

    The last event is final, whatever the engine does.
    """
    try:
        task = load_task(folder)
        engine = select(PRESETS[task.plan.quality].engine)
        confines = select is select_engine and engine.name == EngineFamily.DRAFT and can_confine()
        if spare and not confines:
            spare.close()
        made = (spare or ConfinedProcess()).produce(task) if confines else produce(task, engine)
        for event in made:
            yield event
            if isinstance(event, Finished):
                after = before[-1].seq if before else -1
                record = partial(_record_throughput, task, engine, after)
                _try_step(record, "its pace was not noted")
                _try_step(partial(_publish, task), "it was not published")
            if isinstance(event, FINAL):
                return
        details = f"{engine.name} ended without a final event"
        yield Failed(FaultCode.INTERNAL, _INTERNAL_ERROR, details)
    except PortraitError as error:
        yield Failed(error.code, error.message, error.details)
    except Exception:
        yield Failed(FaultCode.INTERNAL, _INTERNAL_ERROR, traceback.format_exc())


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
    hide_memory()
    spare = None
    if arguments == [processes.WAIT]:
        if select is select_engine and can_confine():
            spare = ConfinedProcess()
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
    return int(isinstance(run_job(folder, select, spare), Failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
