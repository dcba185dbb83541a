"""Engine loader of a container: loads once, and reports a failure to the next call.

Modal treats a start hook that raises, or takes too long, as a failed machine: it starts another one
over and over, each at the price of its GPU. So the hook waits here within its limit, and returns
whether the engine was loaded or not.
"""

import logging
import threading
import traceback
from collections.abc import Callable

from inference.cloud import names
from inference.cloud.watchdog import LOADING_S
from inference.core.engine import Engine
from inference.core.errors import Fault, FaultCode

logger = logging.getLogger(__name__)

_ADVICE = (
    "Go on with this job: another machine tries. "
    f"If it stays so, modal app logs {names.APP} says why."
)


class EngineLoader:
    """Loads an engine with `load`, in a thread of its own."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._engine: Engine | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._try_to_load, name="loading", daemon=True)

    def start(self, longest_s: float = LOADING_S) -> None:
        """Load, and return when that is done, failed, or has taken `longest_s`."""
        self._thread.start()
        self._thread.join(longest_s)

    def get_engine(self) -> Engine:
        """Return the engine. Raises Fault when there is none.

        A Fault of an earlier try may have passed, as missing weights do, so this tries once more.
        """
        if self._thread.is_alive():
            message = f"MultiTalk was not loaded after {LOADING_S / 60:.0f} minutes. "
            raise Fault(FaultCode.ENGINE_UNAVAILABLE, f"{message}{_ADVICE}")
        if self._engine is None and not self.is_broken:
            self._try_to_load()
        if self._engine is not None:
            return self._engine
        if isinstance(self._error, Fault):
            raise self._error
        lines = "".join(traceback.format_exception(self._error)) if self._error else ""
        message = f"MultiTalk can't be loaded on this machine. {_ADVICE}"
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, lines)

    @property
    def is_broken(self) -> bool:
        """Whether another try in this process is useless."""
        return self._thread.is_alive() or (
            self._error is not None and not isinstance(self._error, Fault)
        )

    def _try_to_load(self) -> None:
        try:
            self._engine, self._error = self._load(), None
        except Exception as error:
            logger.error("%s", error, exc_info=not isinstance(error, Fault))
            self._error = error
