"""Availability of final videos, made on this machine or on Modal."""

import threading
import time
from dataclasses import dataclass

from inference.core.engine import Availability
from inference.core.errors import PortraitError
from inference.core.settings import Settings
from inference.engines.select import select_engine_for
from presets.schema import EngineFamily
from ui.strings import text

_TTL_S = 60.0  # for an answer: Modal is asked over the network
_FIRST_TIMEOUT_S = 2.0  # for the first answer: a page waits no longer


@dataclass(frozen=True)
class Offer:
    """Availability of final videos; `paid`: they are made on Modal, for money."""

    final: Availability
    paid: bool


class OfferChecker:
    """Checker of the present offer, in a thread beside the page.

    The page does not show the reason why there is none: `doctor` tells it to the operator.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._checking: threading.Thread | None = None
        self._checked_at = 0.0
        self._offer = Offer(Availability(False, text.NO_GPU), paid=True)

    def get_latest(self) -> Offer:
        """Return the offer of the last check; quick, since each action asks."""
        with self._lock:
            before, now = self._checking, time.monotonic()
            if before is None or (now - self._checked_at > _TTL_S and not before.is_alive()):
                checking = threading.Thread(target=self._check, name="offers", daemon=True)
                self._checking, self._checked_at = checking, now
                checking.start()
        if before is None:
            checking.join(_FIRST_TIMEOUT_S)
        return self._offer

    def _check(self) -> None:
        try:
            engine = select_engine_for(EngineFamily.MULTITALK, self._settings)
        except PortraitError:
            self._offer = Offer(Availability(False, text.NO_GPU), paid=True)
        else:
            self._offer = Offer(Availability(True), paid=engine.name == "modal")
