"""What the page can offer beside the draft: final videos, made on this machine or on Modal."""

import threading
import time
from dataclasses import dataclass

from inference.core.engine import Availability
from inference.core.errors import PortraitError
from inference.core.settings import Settings
from inference.engines.select import select_engine_for
from presets.schema import EngineFamily
from ui.strings import text

_TTL_S = 60.0  # an answer; Modal is asked over the network
_FIRST_TIMEOUT_S = 2.0  # with the first answer; a page does not wait longer


@dataclass(frozen=True)
class Offer:
    """Whether final videos can be made; `paid`: by whoever pays for Modal."""

    final: Availability
    paid: bool


class OfferChecker:
    """The newest offer, asked for beside the page and kept for a while.

    Why there is none concerns whoever runs the server, whom `doctor` tells.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._asked_at = 0.0
        self._offer = Offer(Availability(False, text.NO_GPU), paid=True)

    def get_latest(self) -> Offer:
        """The offer as it was a moment ago; quick, for it is asked at each action."""
        with self._lock:
            before, now = self._asking, time.monotonic()
            if before is None or (now - self._asked_at > _TTL_S and not before.is_alive()):
                asking = threading.Thread(target=self._check, name="offers", daemon=True)
                self._asking, self._asked_at = asking, now
                asking.start()
        if before is None:
            asking.join(_FIRST_TIMEOUT_S)
        return self._offer

    def _check(self) -> None:
        try:
            engine = select_engine_for(EngineFamily.MULTITALK, self._settings)
        except PortraitError:
            self._offer = Offer(Availability(False, text.NO_GPU), paid=True)
        else:
            self._offer = Offer(Availability(True), paid=engine.name == "modal")
