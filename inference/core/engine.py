"""The seam: what every engine is, and what it promises.

The first event is a Stage; Step.done never falls within a window; a Window's file is a playable
mp4 of what is finished; exactly one final event comes last; after a cancel, what is finished is
kept and playable; an error is a Failed with a sentence for the person, never an exception.
"""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from inference.core.errors import FaultCode, PortraitError, from_os_error
from inference.core.events import Event, Failed
from inference.core.task import Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineOptions:
    """What may be asked of an engine; None: its own choice.

    `model` is a name of `presets.models`; `device` is cpu, cuda or cuda:N.
    """

    model: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class Availability:
    """Whether an engine can work here and now; `reason` is one sentence when it can't."""

    ready: bool
    reason: str = ""


class Engine(Protocol):
    """Carries tasks out. `cancelled` is asked between frames or steps."""

    name: str

    def check_availability(self) -> Availability: ...

    def describe(self) -> str:
        """How it works on this machine, in a sentence for whoever looks after that; "" when there
        is nothing to say. To be asked of a ready engine; may be slow. Raises Fault."""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]: ...


def convert_errors(events: Iterator[Event]) -> Iterator[Event]:
    """`events`, with an exception on the way turned into the Failed that ends them."""
    try:
        yield from events
    except PortraitError as error:
        yield Failed(error.code, error.message, error.details)
    except OSError as error:
        fault = from_os_error(error)
        yield Failed(fault.code, fault.message, traceback.format_exc())
    except Exception:
        logger.exception("an engine broke")
        yield Failed(FaultCode.INTERNAL, "Something broke on our side.", traceback.format_exc())
