"""Resonances of the mouth, F1 and F2, from power spectra: linear prediction without root finding.

The sound below 5 kHz is modelled as an all-pole filter (Makhoul, "Spectral linear prediction",
1975: the prediction polynomial follows from a part of the power spectrum alone). Its resonances
are read off as peaks of the model's spectrum, which is taken on a circle inside the unit circle so
that neighbours stand apart (McCandless, "An algorithm for automatic formant extraction", 1974).
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from inference.draft.spectrum import BIN_HZ, Floats

TOP_HZ = 5000.0  # five resonances of an adult's vocal tract lie below
_ORDER = 11  # two poles a resonance, one for the slope of the voice
_PRE_EMPHASIS = 0.94
_LAG_WINDOW_HZ = 40.0  # harmonics of the voice are blurred by this, so that none is a resonance
_RADIUS = 0.94  # of McCandless' circle
_GRID = 512  # points around the circle, 19.5 Hz apart
_LOWEST_HZ, _HIGHEST_HZ = 180.0, 3600.0
# F1 and F2 of open back vowels often melt into one peak; above this and below that is none.
_MELTED_F1_HZ, _MELTED_F2_HZ = 880.0, 2300.0
_MELTED_APART = 1.2  # F1 and F2 lie this factor below and above the common peak


def formants(power: Floats) -> tuple[Floats, Floats]:
    """F1 and F2 in Hz, float32 (hops,), of power spectra, float32 (hops, bins); NaN where none.

    The first bin of `power` is 0 Hz, the next ones lie `BIN_HZ` apart.
    """
    peaks = _first_two_peaks(_inverse_filter(_autocorrelation(power)))
    first, second = peaks
    melted = (first > _MELTED_F1_HZ) & ~(second < _MELTED_F2_HZ)
    second = np.where(melted, first * _MELTED_APART, second)
    first = np.where(melted, first / _MELTED_APART, first)
    return first.astype(np.float32), second.astype(np.float32)


def _autocorrelation(power: Floats) -> NDArray[np.float64]:
    """Of the pre-emphasised sound below TOP_HZ, float64 (order + 1, hops)."""
    bins = round(TOP_HZ / BIN_HZ) + 1
    angle = np.linspace(0, np.pi, bins, dtype=np.float32)
    emphasis = 1 + _PRE_EMPHASIS**2 - 2 * _PRE_EMPHASIS * np.cos(angle)
    lags = scipy.fft.irfft(power[:, :bins] * emphasis, axis=1)[:, : _ORDER + 1].T
    radians = 2 * np.pi * _LAG_WINDOW_HZ / (2 * TOP_HZ) * np.arange(_ORDER + 1)
    lags = lags.astype(np.float64) * np.exp(-0.5 * radians**2)[:, None]
    lags[0] = lags[0] * 1.0001 + 1e-12
    return np.asarray(lags)


def _inverse_filter(lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prediction error filter, (order + 1, hops), by Levinson and Durbin's recursion."""
    filters = np.zeros_like(lags)
    filters[0] = 1
    error = lags[0].copy()
    for i in range(1, len(lags)):
        reflection = -(lags[i] + (filters[1:i] * lags[i - 1 : 0 : -1]).sum(0)) / error
        filters[1 : i + 1] += reflection * filters[i - 1 :: -1] if i > 1 else reflection
        error *= 1 - reflection**2
    return filters


def _first_two_peaks(filters: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Frequencies of the two lowest resonances in Hz, float32 (hops,) each; NaN where none."""
    sharpened = filters * _RADIUS ** -np.arange(_ORDER + 1.0)[:, None]
    gain = scipy.fft.rfft(sharpened.T.astype(np.float32), _GRID, axis=1)
    loss = np.log(gain.real**2 + gain.imag**2 + 1e-12)  # float32 (hops, grid / 2 + 1)
    step_hz = 2 * TOP_HZ / _GRID
    low, high = round(_LOWEST_HZ / step_hz), round(_HIGHEST_HZ / step_hz)
    before, here, after = (loss[:, low + d : high + d] for d in (-1, 0, 1))
    is_peak = (here < before) & (here <= after)
    found = []
    rows = np.arange(len(loss))
    for _ in range(2):
        index = is_peak.argmax(1)
        a, b, c = before[rows, index], here[rows, index], after[rows, index]
        curve = np.maximum(a + c - 2 * b, 1e-6)
        place = (index + low + 0.5 * (a - c) / curve) * step_hz
        found.append(np.where(is_peak[rows, index], place, np.nan).astype(np.float32))
        is_peak[rows, index] = False
    return found[0], found[1]
