"""Turns: when each owner's last job of an engine family started.

They are outside the jobs' folders: deleting a job that just started must not give its owner the
next turn as well.
"""

import time
from pathlib import Path

from inference.core.files import delete_path, isolate, write_whole
from inference.jobs import state
from presets.schema import EngineFamily

TURNS = "turns"
_SLACK_NS = 60 * 10**9  # a clock that is set right may step back so far


class Turns:
    """The turns stored in the folder `data`."""

    def __init__(self, data: Path) -> None:
        self._folder = data / TURNS

    def read_ns(self, owner: str, family: EngineFamily) -> int:
        """Return the time of the last turn; 0 if there was none, or the clock was wrong then."""
        turn_ns = state.read_time_ns(self._file(owner, family))
        return turn_ns if turn_ns < time.time_ns() + _SLACK_NS else 0

    def write(self, owner: str, family: EngineFamily) -> None:
        """Store that a turn begins now. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(self._file(owner, family), str(time.time_ns()))

    def sweep(self, before_ns: int, after_ns: int) -> None:
        """Delete the turns that are not between these times."""
        for turn in self._folder.glob("*"):
            with isolate(turn):
                if not before_ns <= state.read_time_ns(turn) <= after_ns:
                    delete_path(turn)

    def _file(self, owner: str, family: EngineFamily) -> Path:
        return self._folder / f"{family}-{owner}"
