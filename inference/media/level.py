"""Length and level of sound, measured block by block."""

import math

import numpy as np
from numpy.typing import NDArray

from inference.core.inputs import SAMPLE_RATE_HZ, Recording

FLOOR_DBFS = -120.0  # stands for digital silence, whose level has no logarithm
_FULL_SCALE = 32_768
_STEP_SAMPLES = SAMPLE_RATE_HZ // 50  # a step of zeros is digital silence


class LevelMeter:
    """Meter of the length and level of samples.

    Digital silence counts for the length only, so that cut-out pauses, or the turns of the other
    person, do not lower the level of a voice.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._sounding = 0  # samples outside digital silence
        self._peak = 0
        self._squares = 0.0

    def add(self, block: NDArray[np.int16]) -> None:
        """Count a block, int16 (n, c)."""
        self.samples += len(block)
        starts = np.arange(0, len(block), _STEP_SAMPLES)
        sizes = np.minimum(_STEP_SAMPLES, len(block) - starts)
        self._sounding += int(sizes[np.logical_or.reduceat(block.any(1), starts)].sum())
        wide = block.astype(np.float64)
        self._peak = max(self._peak, int(np.abs(wide).max(initial=0)))
        self._squares += float(np.vdot(wide, wide))

    def to_recording(self, channels: int) -> Recording:
        """Return the measurements of all blocks, which had `channels` channels."""
        mean = self._squares / max(1, self._sounding * channels)
        return Recording(self.samples, channels, _to_dbfs(self._peak), _to_dbfs(math.sqrt(mean)))


def _to_dbfs(amplitude: float) -> float:
    if amplitude <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20 * math.log10(min(amplitude, _FULL_SCALE) / _FULL_SCALE))
