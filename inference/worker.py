"""Carries out one job and writes down what happens: `python -m inference.worker FOLDER`.

Exit status: 0 when the job finished or was cancelled, 1 when it failed.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from inference import jobs
from inference.engines.base import Engine
from inference.engines.select import select_engine
from inference.errors import FaultCode, PortraitError
from inference.events import FINAL, Event, Failed
from inference.task import load_task
from presets.quality import PRESETS

logger = logging.getLogger(__name__)

Selector = Callable[[str], Engine]
_BROKE = "Something broke on our side. Try again."


def run(folder: Path, select: Selector = select_engine) -> Event:
    """The final event of the job in `folder`, after every event was written to its history.

    `select` gives the engine for the name of the quality's engine family.
    """
    history = jobs.History(folder)
    for event in _carry_out(folder, select):
        history.append(event)
        if isinstance(event, Failed):
            logger.error("%s: %s %s", event.code, event.message, event.details)
    return event


def _carry_out(folder: Path, select: Selector) -> Iterator[Event]:
    """The engine's events, the last of them final whatever the engine does."""
    try:
        task = load_task(folder)
        engine = select(PRESETS[task.plan.quality].engine)
        for event in engine.generate(task, partial(jobs.is_cancelled, folder)):
            yield event
            if isinstance(event, FINAL):
                return
        yield Failed(FaultCode.INTERNAL, _BROKE, f"{engine.name} ended without a final event")
    except PortraitError as error:
        yield Failed(error.code, error.message, error.details)
    except Exception:
        yield Failed(FaultCode.INTERNAL, _BROKE, traceback.format_exc())


def main(arguments: list[str], select: Selector = select_engine) -> int:
    """Run the job in the folder named by the one argument; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return int(isinstance(run(Path(arguments[0]), select), Failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
