"""Levels of a voice in a few bands, and its formants, every 5 ms.

The sound is processed in blocks, so memory hardly grows with its length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from inference.draft.voice.formants import estimate_formants

Floats = NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
HOPS_PER_S = 200
_HOP_SAMPLES = SAMPLE_RATE_HZ // HOPS_PER_S  # samples
_WINDOW_SAMPLES = 400  # samples, 25 ms: two periods of a low voice
_FFT_SAMPLES = 512
_BIN_HZ = SAMPLE_RATE_HZ / _FFT_SAMPLES
_BLOCK_HOPS = 4 * HOPS_PER_S
_POWER_FLOOR = 1e-12  # added to every power, -120 dB: digital silence has a finite level
_BAND_EDGES_HZ = ((80, 350), (350, 700), (700, 1100), (1100, 1800), (1800, 3300), (3700, 7600))

_MIN_LOUD_DB = -80.0  # least level of loud parts; below, all is silence
_LOUD_HOPS = 50  # the loudest 0.25 s set the scale, not a single click
_ACTIVE_DB, _LOUD_PERCENTILE = 35.0, 92  # range of speech below the loudest; its loud parts
_BACKGROUND_DB, _BACKGROUND_PERCENTILE = 55.0, 2  # greatest distance below loud parts; of all hops


@dataclass(frozen=True)
class Spectrum:
    """Levels in dB (0 is full scale) and formants of a sound every 5 ms, float32 (hops,) each.

    Hop i is centred on i * 5 ms.
    """

    hum: Floats  # 80-350 Hz: all that passes closed lips
    first: Floats  # 350-700 Hz
    back: Floats  # 700-1100 Hz
    middle: Floats  # 1100-1800 Hz
    front: Floats  # 1800-3300 Hz
    hiss: Floats  # 3700-7600 Hz
    f1_hz: Floats  # NaN where there is none
    f2_hz: Floats

    @property
    def voice(self) -> Floats:
        """Level from 350 to 3300 Hz, where an open mouth sounds."""
        return sum_levels(self.first, self.back, self.middle, self.front)

    @property
    def bright(self) -> Floats:
        """Level from 700 to 3300 Hz, where closed lips leave little."""
        return sum_levels(self.back, self.middle, self.front)


def sum_levels(*levels: Floats) -> Floats:
    """Return the level of several bands together, in dB: the sum of their powers."""
    power = sum(10 ** (level / 10) for level in levels)
    return np.asarray(10 * np.log10(power), np.float32)


def ramp(values: Floats, start: float, end: float) -> Floats:
    """Map `start` to 0 and `end` to 1, linearly and clipped; `end` may be the lower one."""
    return np.asarray(np.clip((values - start) / (end - start), 0, 1), np.float32)


def measure_loud_level(voice: Floats) -> float:
    """Return the level of the loud parts of speech in dB, unaffected by silence around them."""
    loudest = np.sort(voice)[-_LOUD_HOPS:][0]
    active = voice[voice > loudest - _ACTIVE_DB]
    return max(_MIN_LOUD_DB, float(np.percentile(active, _LOUD_PERCENTILE)))


def measure_background_level(voice: Floats, loud_db: float) -> float:
    """Return the level between words in dB, ignoring sound before the first and after the last."""
    lowest_db = loud_db - _BACKGROUND_DB
    audible = np.flatnonzero(voice > lowest_db)
    if not len(audible):
        return lowest_db
    between = np.maximum(voice[audible[0] : audible[-1] + 1], lowest_db)
    return float(np.percentile(between, _BACKGROUND_PERCENTILE))


def measure_spectrum(sound: Floats, hops: int) -> Spectrum:
    """Measure the first `hops` hops of `sound`, float32 (samples,) mono 16 kHz in [-1, 1].

    The sound is padded with silence at both ends.
    """
    levels = np.empty((len(_BAND_EDGES_HZ), hops), np.float32)
    resonances = np.empty((2, hops), np.float32)
    for first, power in _compute_power_spectra(sound, hops):
        block = slice(first, first + len(power))
        for band, (low_hz, high_hz) in enumerate(_BAND_EDGES_HZ):
            bins = slice(round(low_hz / _BIN_HZ), round(high_hz / _BIN_HZ))
            levels[band, block] = 10 * np.log10(power[:, bins].sum(1) + _POWER_FLOOR)
        resonances[:, block] = estimate_formants(power, _BIN_HZ)
    return Spectrum(*levels, *resonances)


def _compute_power_spectra(sound: Floats, hops: int) -> Iterator[tuple[int, Floats]]:
    """Yield blocks of power spectra, float32 (hops, bins), each with the index of its first hop.

    The bins of a sine of full scale add up to 0.5 (0 dB is a square wave's).
    """
    window = np.hanning(_WINDOW_SAMPLES).astype(np.float32)
    scale = np.float32(2 / (_FFT_SAMPLES * (window**2).sum()))
    for first in range(0, hops, _BLOCK_HOPS):
        count = min(_BLOCK_HOPS, hops - first)
        start = first * _HOP_SAMPLES - _WINDOW_SAMPLES // 2
        piece = _cut_padded(sound, start, (count - 1) * _HOP_SAMPLES + _WINDOW_SAMPLES)
        frames = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW_SAMPLES)[::_HOP_SAMPLES]
        spectrum = scipy.fft.rfft(frames * window, _FFT_SAMPLES, axis=1)
        yield first, (spectrum.real**2 + spectrum.imag**2) * scale


def _cut_padded(sound: Floats, start: int, samples: int) -> Floats:
    """Return `samples` samples from `start` on, padded with silence."""
    begin, end = max(0, start), min(len(sound), start + samples)
    piece = np.zeros(samples, np.float32)
    if begin < end:
        piece[begin - start : end - start] = sound[begin:end]
    return piece
