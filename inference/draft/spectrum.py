"""How loud a voice is in a few bands and where its resonances lie, every 5 ms.

Works through the sound in blocks, so that memory hardly grows with its length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
HOP = 80  # samples, 5 ms
HOPS_PER_S = SAMPLE_RATE_HZ // HOP
_WINDOW = 400  # samples, 25 ms: two periods of a low voice
_FFT = 512
BIN_HZ = SAMPLE_RATE_HZ / _FFT
_BLOCK_HOPS = 4 * HOPS_PER_S
_QUIETEST = 1e-12  # power added everywhere, -120 dB: digital silence has a level, too
