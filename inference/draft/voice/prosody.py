"""Pitch of a voice and the stress on its words, frame by frame: what brows and head follow.

The pitch is the strongest period of the sound, by its autocorrelation over that of the window
(Boersma, "Accurate short-term analysis of the fundamental frequency", 1993). A stressed word is
louder and higher than those around it.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from inference.core.timing import FPS
from inference.draft.voice.peaks import find_peaks
from inference.draft.voice.spectrum import SAMPLE_RATE_HZ

Floats = NDArray[np.float32]

_WINDOW_SAMPLES, _FFT_SAMPLES = 800, 2048  # 50 ms: three periods of the lowest voice
_BLOCK_FRAMES = 100
_LOWEST_HZ, _HIGHEST_HZ = 70, 420
_MIN_STRENGTH = 0.5  # of the autocorrelation; below it nothing is voiced
_OCTAVE_COST = 0.03  # of a period twice as long, which fits as well
_MIN_ENERGY = 0.12  # quieter frames tell no pitch
_MEDIAN_FRAMES = 5
_FULL_RISE_OCTAVES = 0.45  # over the usual pitch, at which the brows are up

_PHRASE_FRAMES, _WORD_FRAMES = 20.0, 2.0  # smoothing of what is around, and of a word
_PITCH_WEIGHT = 0.35
_MIN_STRESS, _FULL_STRESS = 0.12, 0.5  # prominence of a stressed word
_SPAN_FRAMES = 2 * FPS
_STRESS_FRAMES = 4.0  # how long a stressed word lasts, as the deviation of a bell


def measure_rise(sound: Floats, energy: Floats, first_s: float) -> Floats:
    """Return how far the voice is above its usual pitch, float32 (frames,) 0 to 1.

    `sound` is float32 (n,) mono 16 kHz; `energy` (frames,) 0 to 1. Frame 0 hears `first_s`.
    """
    frames = len(energy)
    octaves, strength = _measure_pitch(sound, frames, first_s)
    trust = np.where((strength > _MIN_STRENGTH) & (energy > _MIN_ENERGY), strength, 0)
    if not trust.any():
        return np.zeros(frames, np.float32)
    over = median_filter(octaves - np.median(octaves[trust > 0]), _MEDIAN_FRAMES)
    around = gaussian_filter1d(trust, _WORD_FRAMES) + 0.05
    smooth = gaussian_filter1d(np.clip(over, -1, 1) * trust, _WORD_FRAMES) / around
    return np.asarray(np.clip(smooth / _FULL_RISE_OCTAVES, 0, 1), np.float32)


def find_stress(energy: Floats, rise: Floats) -> Floats:
    """Return how much a word is stressed, float32 (frames,) 0 to 1: a bell on each such word."""
    loud = energy + _PITCH_WEIGHT * rise
    standing_out = gaussian_filter1d(loud, _WORD_FRAMES)
    standing_out = standing_out - gaussian_filter1d(loud, _PHRASE_FRAMES, mode="nearest")
    place = np.arange(len(loud))
    stress = np.zeros(len(loud), np.float32)
    for peak in find_peaks(standing_out, _MIN_STRESS, _SPAN_FRAMES, FPS, 0.5):
        middle = (peak.start + peak.end) / 2
        bell = np.exp(-0.5 * ((place - middle) / _STRESS_FRAMES) ** 2)
        stress = np.maximum(stress, min(1.0, peak.prominence / _FULL_STRESS) * bell)
    return np.asarray(stress, np.float32)


def _measure_pitch(sound: Floats, frames: int, first_s: float) -> tuple[Floats, Floats]:
    """Return the pitch in octaves, and the strength of its period, float32 (frames,) each."""
    window = np.hanning(_WINDOW_SAMPLES).astype(np.float32)
    hop = SAMPLE_RATE_HZ // FPS
    first = round(first_s * SAMPLE_RATE_HZ) - _WINDOW_SAMPLES // 2
    padded = np.zeros((frames - 1) * hop + _WINDOW_SAMPLES, np.float32)
    heard = sound[max(0, first) : first + len(padded)]
    padded[max(0, -first) : max(0, -first) + len(heard)] = heard[: len(padded) - max(0, -first)]
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::hop]
    own = _autocorrelate(window[None])[0] + 1e-6
    shortest, longest = SAMPLE_RATE_HZ // _HIGHEST_HZ, SAMPLE_RATE_HZ // _LOWEST_HZ
    lags = np.arange(shortest, longest)
    cost = _OCTAVE_COST * np.log2(lags / shortest)
    octaves, strength = np.zeros((2, frames), np.float32)
    for start in range(0, frames, _BLOCK_FRAMES):  # so that memory does not grow with the sound
        block = slice(start, start + _BLOCK_FRAMES)
        likeness = (_autocorrelate(pieces[block] * window) / own)[:, shortest:longest]
        best = (likeness - cost).argmax(1)
        octaves[block] = np.log2(SAMPLE_RATE_HZ / lags[best])
        strength[block] = likeness[np.arange(len(best)), best]
    return octaves, strength


def _autocorrelate(pieces: Floats) -> Floats:
    """Return the autocorrelation of each piece over its power, float32 (pieces, lags)."""
    spectrum = scipy.fft.rfft(pieces, _FFT_SAMPLES, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    lags = scipy.fft.irfft(power, axis=1)[:, : _WINDOW_SAMPLES // 2]
    return np.asarray(lags / (lags[:, :1] + 1e-9), np.float32)
