"""When the lips touch: the gaps of B and P and the murmur of M, found in the sound's levels.

A closed mouth shows as a gap (nothing above the voice's hum, between two louder parts) or as a
murmur (a strong hum with little above it, that begins or ends abruptly). The tongue's closures
(T, D, N, K, G) are much alike. What is known of places of articulation tells how certain it is the
lips': closing lips take the upper resonances down, and opening they leave no hiss (Stevens,
"Acoustic Phonetics", 1998); the murmur of M sounds between 1.1 and 1.8 kHz, where that of N has
its hole (Fujimura, "Analysis of nasal consonants", 1962).

The thresholds were fitted to ten minutes of labelled synthetic speech, plain, with noise and with
reverberation, and rounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter1d, label
from scipy.signal import find_peaks, peak_widths

from inference.draft.spectrum import Floats, Spectrum, ramp, total

# Hops are of 5 ms. Pairs are what counts as 0 and what as 1.
_SILENCE_DB = -40.0  # relative to loud speech, as are all levels but differences
_SMOOTH_HOPS = 1.2

_GAP_SPAN_HOPS = 60  # a gap and its neighbours; a longer gap is a pause
_LONGEST_GAP_HOPS = 36
_GAP_DEPTH_DB = (4.0, 14.0)
_BESIDE_HOPS = 10
_BESIDE_DB = -25.0  # a gap lies between parts at least that loud
_HISS_DB = (-24.0, -34.5)  # mean hiss in and around a gap, relative to the louder neighbour
_TILT_WEIGHT = 0.55  # dB of hiss for each dB by which the upper resonances rise before a gap

_HUM_OVER_FIRST_DB = (3.0, 11.0)
_HUM_OVER_BRIGHT_DB = (8.0, 20.0)
_HUM_DB = (-24.0, -16.0)
_LEAST_MURMUR = 0.35
_SHORTEST_MURMUR_HOPS = 5
_EDGE_HOPS = 4  # over which the change at an edge is taken
_EDGES_DB = (7.0, 15.0)  # change at both ends together
_BUMP_DB = (-6.0, 0.0)  # 1.1-1.8 kHz over the mean of the bands below and above


@dataclass(frozen=True)
class Closure:
    """Lips that touch from hop `start` to hop `end`, with a certainty above 0, up to 1."""

    start: float
    end: float
    certainty: float


def find_closures(spectrum: Spectrum, loud_db: float) -> list[Closure]:
    """Where the lips touch in speech whose loud parts have that level from 350 to 3300 Hz.

    Closures may overlap. A certainty below 1 says that it may have been the tongue.
    """
    return [*_gaps(spectrum, loud_db), *_murmurs(spectrum, loud_db)]


def _gaps(spectrum: Spectrum, loud_db: float) -> Iterator[Closure]:
    """Closures between two louder parts."""
    quietest = loud_db + _SILENCE_DB
    voice, hiss = spectrum.voice, np.maximum(spectrum.hiss, quietest)
    low = np.maximum(total(spectrum.first, spectrum.back), quietest)
    tilt = np.maximum(spectrum.front, quietest) - low
    dark = -gaussian_filter1d(np.maximum(_bright(spectrum), quietest), _SMOOTH_HOPS)
    middles, found = find_peaks(dark, prominence=_GAP_DEPTH_DB[0], wlen=_GAP_SPAN_HOPS)
    widths, _, starts, ends = peak_widths(dark, middles, 0.5, wlen=_GAP_SPAN_HOPS)
    for depth_db, width, start, end in zip(found["prominences"], widths, starts, ends, strict=True):
        first, last = int(start), int(np.ceil(end))
        lead_in = max(0, first - _BESIDE_HOPS)
        before_db = voice[lead_in : first + 1].max()
        after_db = voice[last : last + _BESIDE_HOPS + 1].max()
        if width > _LONGEST_GAP_HOPS or min(before_db, after_db) < loud_db + _BESIDE_DB:
            continue
        closing = slice(max(0, first - 2), first + 1)
        rise_db = tilt[closing].mean() - tilt[lead_in : lead_in + 6].mean()
        hiss_db = hiss[closing.start : last + 4].mean() - max(before_db, after_db)
        lips = ramp(hiss_db + _TILT_WEIGHT * rise_db, *_HISS_DB)
        certainty = float(lips * ramp(depth_db, *_GAP_DEPTH_DB))
        if certainty > 0:
            yield Closure(float(start), float(end), certainty)


def _murmurs(spectrum: Spectrum, loud_db: float) -> Iterator[Closure]:
    """Closures with the voice going on behind."""
    quietest = loud_db + _SILENCE_DB
    bands = (spectrum.first, spectrum.back, spectrum.middle, spectrum.front)
    first, back, middle, front = (np.maximum(band, quietest) for band in bands)
    bright = total(back, middle, front)
    murmur = gaussian_filter1d(
        ramp(spectrum.hum - first, *_HUM_OVER_FIRST_DB)
        * ramp(spectrum.hum - bright, *_HUM_OVER_BRIGHT_DB)
        * ramp(spectrum.hum - loud_db, *_HUM_DB),
        1.0,
    )
    change_db = _change(gaussian_filter1d(bright, 1.0))
    for (span,) in find_objects(label(murmur > _LEAST_MURMUR)[0]):
        start, end = span.start, span.stop
        if end - start < _SHORTEST_MURMUR_HOPS:
            continue
        fall_db = -change_db[max(0, start - _EDGE_HOPS) : start + _EDGE_HOPS].min()
        rise_db = change_db[end - _EDGE_HOPS : end + _EDGE_HOPS].max()
        bump_db = (middle[span] - (back[span] + front[span]) / 2).mean()
        certainty = float(ramp(fall_db + rise_db, *_EDGES_DB) * ramp(bump_db, *_BUMP_DB))
        if certainty > 0:
            yield Closure(start, end - 1, certainty)


def _bright(spectrum: Spectrum) -> Floats:
    """Level from 700 to 3300 Hz, that no hum reaches."""
    return total(spectrum.back, spectrum.middle, spectrum.front)


def _change(level: Floats) -> Floats:
    """By how much `level` rises around each hop."""
    half = _EDGE_HOPS // 2
    padded = np.pad(level, half, mode="edge")
    return padded[2 * half :] - padded[: -2 * half]
