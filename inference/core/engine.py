"""Interface of the engines, and its contract.

The first event is a Stage. Step.done never falls within a window. A Window's file is a playable mp4
of its new frames. Exactly one final event comes last. After a cancel, the finished frames are kept
and playable. An error is a Failed with a sentence for the user, never an exception.
"""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inference.core.errors import FaultCode, PortraitError, from_os_error
from inference.core.events import Event, Failed
from inference.core.task import Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineOptions:
    """Options of an engine; None leaves the choice to it.

    `model` is a name of `presets.models`; `device` is cpu, cuda or cuda:N.
    """

    model: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class Availability:
    """Whether an engine can run here and now; if not, `reason` is one sentence."""

    ready: bool
    reason: str = ""


class Engine(Protocol):
    """Renderer of tasks. It calls `cancelled` between frames or steps."""

    name: str

    def check_availability(self) -> Availability: ...

    def describe(self) -> str:
        """Return a sentence for the operator on how the engine runs here, or "".

        Requires an available engine; may be slow. Raises Fault.
        """

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]: ...


def convert_errors(events: Iterator[Event], folder: Path | None = None) -> Iterator[Event]:
    """Yield `events`, replacing an exception by the Failed that ends them.

    `folder` is the one that is written to.
    """
    try:
        yield from events
    except PortraitError as error:
        yield Failed(error.code, error.message, error.details)
    except OSError as error:
        fault = from_os_error(error, folder)
        yield Failed(fault.code, fault.message, traceback.format_exc())
    except Exception:
        logger.exception("an engine broke")
        yield Failed(FaultCode.INTERNAL, "Something broke on our side.", traceback.format_exc())
