"""Detection of lip closures: the gaps of B and P and the murmur of M, from levels of the sound.

A closed mouth shows as a gap (nothing above the voice's hum, between two louder parts) or as a
murmur (a strong hum with little above it, that begins or ends abruptly). Closures of the tongue
(T, D, N, K, G) look similar, so each closure gets a certainty that it is the lips'. Closing lips
lower the upper resonances, and opening lips leave no hiss (Stevens, "Acoustic Phonetics", 1998);
the murmur of M is strong between 1.1 and 1.8 kHz, where that of N has a zero (Fujimura, "Analysis
of nasal consonants", 1962).

The thresholds were fitted to ten minutes of labelled synthetic speech, plain, with noise and with
reverberation, and rounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter1d, label

from inference.draft.voice.peaks import find_peaks
from inference.draft.voice.spectrum import (
    Floats,
    Spectrum,
    measure_background_level,
    ramp,
    sum_levels,
)

# A hop is 5 ms. Pairs are the values that `ramp` maps to 0 and to 1.
_RANGE_DB = (20.0, 40.0)  # from loud speech down to the background

_SMOOTH_HOPS = 1.2
_GAP_SPAN_HOPS = 60  # a gap and its neighbours; a longer gap is a pause
_MAX_GAP_HOPS = 36
_MIN_GAP_DEPTH_DB = 8.0
_GAP_EDGE = 0.4  # share of its depth, from the bottom, at which a gap begins and ends
_CONTEXT_HOPS = 10
_MIN_CONTEXT_DB = -25.0  # relative to loud speech: the least level beside a gap
# Evidence for the lips, in dB: little hiss, a dark spectrum that darkens as the gap begins, a deep
# gap.
_DARKENING_WEIGHT, _DARKNESS_WEIGHT, _FULL_DEPTH_DB = 0.55, 0.5, 25.0
_GAP_SCORE_DB = (46.0, 62.0)

_HUM_OVER_FIRST_DB = (3.0, 11.0)
_HUM_OVER_BRIGHT_DB = (8.0, 20.0)
_HUM_DB = (-24.0, -16.0)  # relative to loud speech
_MIN_MURMUR = 0.35
_MIN_MURMUR_HOPS = 5
_STEADY_DB = 7.0  # a greater change is an edge to another sound
_EDGE_MARGIN_HOPS = 1  # lost to the edges at each end
_EDGE_HOPS = 4  # over which the change at an edge is measured
_ABRUPT_DB = (4.0, 8.5)  # change at the sharper edge: closed vowels (I, U) have none
_DARKER_DB = (8.0, 14.0)  # than the context
# Evidence for the lips: 1.1 to 1.8 kHz over the bands on both sides, edges, a strong hum.
_EDGE_WEIGHT, _MAX_EDGES_DB, _HUM_WEIGHT = 0.27, 20.0, 0.65
_MURMUR_SCORE_DB = (-2.5, 3.0)


@dataclass(frozen=True)
class Closure:
    """Closed lips from hop `start` to hop `end`, with a certainty above 0, up to 1."""

    start: float
    end: float
    certainty: float


def find_closures(spectrum: Spectrum, loud_db: float) -> list[Closure]:
    """Find the lip closures in speech; `loud_db` is the level of its loud parts, 350 to 3300 Hz.

    Closures may overlap. One with a certainty below 1 may be the tongue's.
    """
    return [*_find_gaps(spectrum, loud_db), *_find_murmurs(spectrum, loud_db)]


def _find_gaps(spectrum: Spectrum, loud_db: float) -> Iterator[Closure]:
    """Yield the closures between two louder parts."""
    voice = spectrum.voice
    range_db = float(np.clip(loud_db - measure_background_level(voice, loud_db), *_RANGE_DB))
    hiss, front, low = (
        np.maximum(level, loud_db - range_db)
        for level in (spectrum.hiss, spectrum.front, sum_levels(spectrum.first, spectrum.back))
    )
    tilt = front - low
    quiet = -gaussian_filter1d(np.maximum(voice, loud_db - range_db), _SMOOTH_HOPS)
    for gap in find_peaks(quiet, _MIN_GAP_DEPTH_DB, _GAP_SPAN_HOPS, _MAX_GAP_HOPS, _GAP_EDGE):
        first, last = int(gap.start), int(np.ceil(gap.end))
        lead_in = max(0, first - _CONTEXT_HOPS)
        before_db = voice[lead_in : first + 1].max()
        after_db = voice[last : last + _CONTEXT_HOPS + 1].max()
        if (
            gap.end - gap.start > _MAX_GAP_HOPS
            or min(before_db, after_db) < loud_db + _MIN_CONTEXT_DB
        ):
            continue
        closing = slice(max(0, first - 2), first + 1)
        hiss_db = hiss[closing.start : last + 4].mean() - max(before_db, after_db)
        tilt_db = tilt[closing].mean()
        rise_db = tilt_db - tilt[lead_in : lead_in + 6].mean()
        lips_db = _FULL_DEPTH_DB * gap.prominence / range_db - hiss_db
        lips_db -= _DARKENING_WEIGHT * rise_db + _DARKNESS_WEIGHT * tilt_db
        certainty = float(ramp(lips_db, *_GAP_SCORE_DB))
        if certainty > 0:
            yield Closure(gap.start, gap.end, certainty)


def _find_murmurs(spectrum: Spectrum, loud_db: float) -> Iterator[Closure]:
    """Yield the closures with the voice sounding behind them."""
    bands = (spectrum.first, spectrum.back, spectrum.middle, spectrum.front)
    first, back, middle, front = (np.maximum(band, loud_db - _RANGE_DB[1]) for band in bands)
    bright, hum = sum_levels(back, middle, front), spectrum.hum
    murmur = gaussian_filter1d(
        ramp(hum - first, *_HUM_OVER_FIRST_DB)
        * ramp(hum - bright, *_HUM_OVER_BRIGHT_DB)
        * ramp(hum - loud_db, *_HUM_DB),
        1.0,
    )
    change_db = _measure_change(gaussian_filter1d(bright, 1.0))
    steady = (murmur > _MIN_MURMUR) & (np.abs(change_db) < _STEADY_DB)
    for (span,) in find_objects(label(steady)[0]):
        start, end = span.start, span.stop
        if end - start < _MIN_MURMUR_HOPS:
            continue
        rise_db = change_db[end - _EDGE_HOPS : end + _EDGE_HOPS].max()
        fall_db = -change_db[max(0, start - _EDGE_HOPS) : start + _EDGE_HOPS].min()
        lips_db = (middle[span] - (back[span] + front[span]) / 2).mean()
        lips_db += _EDGE_WEIGHT * np.clip(rise_db + fall_db, 0, _MAX_EDGES_DB)
        lips_db += _HUM_WEIGHT * (hum[span].mean() - loud_db)
        beside_db = bright[max(0, start - _CONTEXT_HOPS) : end + _CONTEXT_HOPS].max()
        is_murmur = ramp(max(rise_db, fall_db), *_ABRUPT_DB)
        is_murmur *= ramp(beside_db - bright[span].mean(), *_DARKER_DB)
        certainty = float(ramp(lips_db, *_MURMUR_SCORE_DB) * is_murmur)
        if certainty > 0:
            yield Closure(start - _EDGE_MARGIN_HOPS, end - 1 + _EDGE_MARGIN_HOPS, certainty)


def _measure_change(level: Floats) -> Floats:
    """Return by how much `level` rises around each hop, in dB."""
    half = _EDGE_HOPS // 2
    padded = np.pad(level, half, mode="edge")
    return padded[2 * half :] - padded[: -2 * half]
