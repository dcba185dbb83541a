"""Length and level of sound, measured as it passes in blocks."""

import math

import numpy as np
from numpy.typing import NDArray

from inference.request import Recording

FLOOR_DBFS = -120.0  # said of digital silence, whose level has no logarithm
_FULL_SCALE = 32_768


class Meter:
    """Length and level of samples as they pass."""

    def __init__(self) -> None:
        self.samples = 0
        self._peak = 0
        self._squares = 0.0

    def add(self, block: NDArray[np.int16]) -> None:
        """Count a block, int16 (n, c)."""
        self.samples += len(block)
        wide = block.astype(np.float64)
        self._peak = max(self._peak, int(np.abs(wide).max(initial=0)))
        self._squares += float(np.vdot(wide, wide))

    def result(self, channels: int) -> Recording:
        """What was measured of all blocks, which had that many channels."""
        mean = self._squares / max(1, self.samples * channels)
        return Recording(self.samples, channels, _dbfs(self._peak), _dbfs(math.sqrt(mean)))


def _dbfs(amplitude: float) -> float:
    if amplitude <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20 * math.log10(min(amplitude, _FULL_SCALE) / _FULL_SCALE))
