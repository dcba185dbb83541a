"""Estimation of the formants F1 and F2 from power spectra: linear prediction without root finding.

The sound below 5.5 kHz is modelled as an all-pole filter (Makhoul, "Spectral linear prediction",
1975: its polynomial follows from a part of the power spectrum alone). The resonances are read off
as peaks of the model's spectrum, taken on a circle inside the unit circle so that neighbours stand
apart (McCandless, "An algorithm for automatic formant extraction", 1974).
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]

_TOP_HZ = 5500.0  # five resonances of a vocal tract lie below
_ORDER = 10  # two poles a resonance
_PRE_EMPHASIS = 0.94
_LAG_WINDOW_HZ = 100.0  # blurs the voice's harmonics, which are no resonances
_RADIUS = 0.96  # of McCandless' circle
_GRID = 512  # points around the circle, 21.5 Hz apart
_LOWEST_HZ, _HIGHEST_HZ = 180.0, 3600.0
# F1 and F2 of open back vowels often merge into one peak: above the first, with none below the
# second.
_MERGED_F1_HZ, _MERGED_F2_HZ = 880.0, 2300.0
_MERGED_SPLIT = 1.2  # factor from the merged peak down to F1 and up to F2


def estimate_formants(power: Floats, bin_hz: float) -> Floats:
    """Return F1 and F2 in Hz, float32 (2, hops), NaN where there is none.

    `power` are power spectra, float32 (hops, bins), from 0 Hz to beyond 5.5 kHz in steps of
    `bin_hz`.
    """
    first, second = _find_two_resonances(
        _compute_inverse_filters(_compute_autocorrelations(power, bin_hz))
    )
    merged = (first > _MERGED_F1_HZ) & ~(second < _MERGED_F2_HZ)
    second = np.where(merged, first * _MERGED_SPLIT, second)
    first = np.where(merged, first / _MERGED_SPLIT, first)
    return np.stack([first, second])


def _compute_autocorrelations(power: Floats, bin_hz: float) -> _Doubles:
    """Return the autocorrelation of the pre-emphasised sound below 5.5 kHz, (order + 1, hops)."""
    bins = round(_TOP_HZ / bin_hz) + 1
    angle = np.linspace(0, np.pi, bins, dtype=np.float32)
    emphasis = 1 + _PRE_EMPHASIS**2 - 2 * _PRE_EMPHASIS * np.cos(angle)
    lags = scipy.fft.irfft(power[:, :bins] * emphasis, axis=1)[:, : _ORDER + 1].T
    blur = np.exp(-0.5 * (np.pi * _LAG_WINDOW_HZ / _TOP_HZ * np.arange(_ORDER + 1)) ** 2)
    lags = lags.astype(np.float64) * blur[:, None]
    lags[0] = lags[0] * 1.0001 + 1e-18  # a floor 40 dB down keeps the recursion stable
    return np.asarray(lags)


def _compute_inverse_filters(lags: _Doubles) -> _Doubles:
    """Return prediction error filters, (order + 1, hops), by the Levinson-Durbin recursion."""
    filters = np.zeros_like(lags)
    filters[0] = 1
    error = lags[0].copy()
    for i in range(1, len(lags)):
        reflection = -(filters[:i] * lags[i:0:-1]).sum(0) / error
        filters[1 : i + 1] += reflection * filters[i - 1 :: -1]
        error *= 1 - reflection**2
    return filters


def _find_two_resonances(filters: _Doubles) -> tuple[Floats, Floats]:
    """Return the two lowest resonances in Hz, float32 (hops,) each, NaN where there is none."""
    sharpened = filters * _RADIUS ** -np.arange(_ORDER + 1.0)[:, None]
    response = scipy.fft.rfft(sharpened.T.astype(np.float32), _GRID, axis=1)
    loss = np.log(response.real**2 + response.imag**2 + 1e-12)  # (hops, grid / 2 + 1)
    step_hz = 2 * _TOP_HZ / _GRID
    low, high = round(_LOWEST_HZ / step_hz), round(_HIGHEST_HZ / step_hz)
    before, here, after = (loss[:, low + d : high + d] for d in (-1, 0, 1))
    is_peak = (here < before) & (here <= after)
    rows, found = np.arange(len(loss)), []
    for _ in range(2):
        top = is_peak.argmax(1)
        a, b, c = before[rows, top], here[rows, top], after[rows, top]
        bend = np.maximum(a + c - 2 * b, 1e-6)
        peak_hz = (top + low + 0.5 * (a - c) / bend) * step_hz  # vertex of a parabola
        found.append(np.where(is_peak[rows, top], peak_hz, np.nan).astype(np.float32))
        is_peak[rows, top] = False
    return found[0], found[1]
