"""What a quality preset holds, with units and bounds."""

from dataclasses import dataclass
from enum import StrEnum


class EngineFamily(StrEnum):
    """Which kind of engine carries a quality out."""

    DRAFT = "draft"
    MULTITALK = "multitalk"


@dataclass(frozen=True)
class Preset:
    """A named quality. Raises ValueError when a value is out of its bounds.

    `steps` sampling steps (0: the engine does not sample); `passes` model runs per step;
    `overlap` motion frames, 4j+1 from 5 to 41; `step_s` seconds one pass over a full window
    takes and `start_s` seconds before the first, both planning figures until a run is measured.
    """

    name: str
    title: str
    engine: EngineFamily
    steps: int
    passes: int
    overlap: int
    start_s: float
    step_s: float

    def __post_init__(self) -> None:
        if not (5 <= self.overlap <= 41 and self.overlap % 4 == 1):
            raise ValueError(f"overlap {self.overlap} is not 4j+1 from 5 to 41")
        if self.steps < 0 or self.passes not in (1, 2, 3):
            raise ValueError(f"{self.steps} steps, {self.passes} passes")
