"""Mouth curves from a voice, frame by frame: no words, no language, no learning.

Loudness and the first formant open the mouth; both formants tell rounded from spread lips; hiss
shows the teeth; gaps and murmurs press the lips shut.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, percentile_filter

from inference.core.timing import FPS
from inference.draft.voice.articulation import Agility, follow
from inference.draft.voice.closures import Closure, find_closures
from inference.draft.voice.prosody import find_stress, measure_rise
from inference.draft.voice.spectrum import (
    HOPS_PER_S,
    Floats,
    Spectrum,
    measure_background_level,
    measure_loud_level,
    measure_spectrum,
    ramp,
    sum_levels,
)

LEAD_S = 0.045  # the mouth is in place before its sound is heard

# A hop is 5 ms; a frame has 8. Pairs are the values that `ramp` maps to 0 and to 1.
_HOPS_PER_FRAME = HOPS_PER_S // FPS
_FIRST_HOP = round((0.5 / FPS + LEAD_S) * HOPS_PER_S)  # shown by the middle of frame 0

_HUM_LOSS_DB, _MURMUR_LOSS_DB = 4.0, 14.0  # subtracted from hum, and from the hum of a murmur
_MURMUR_OVER_FIRST_DB, _MURMUR_OVER_BRIGHT_DB = (8.0, 14.0), (16.0, 26.0)
_BACKGROUND_MARGIN_DB = 4.0  # above the background the mouth begins to open
_RANGE_DB = (12.0, 28.0)  # from shut to wide, least and greatest
_PASSAGE_FRAMES, _PASSAGE_PERCENTILE, _PASSAGE_SMOOTH_FRAMES = 100, 90, 10.0
_PASSAGE_DB = 16.0  # passages quieter by this open the mouth as wide
_COMPRESSION = 0.75  # exponent from amplitude to opening

_USUAL_F1_HZ, _USUAL_F2_HZ = 560.0, 1780.0  # means over speech of women and men
_USUAL_WEIGHT_S = 1.0  # of speech after which a speaker's own means weigh as much
_MAX_TRACT_LOG = 0.2  # largest logarithm of a vocal tract's length over the usual one
_AUDIBLE_DB = (-25.0, -5.0)  # relative to loud speech: levels with reliable formants
_VOICED_DB = (-2.0, 10.0)  # hum or first band over hiss
_MURMUR_DB, _MURMUR_WEIGHT_LOSS = (3.0, 14.0), 0.8  # hum over the voice
_FORMANT_SMOOTH_HOPS = 4.0
_OPEN_F1 = (-0.45, 0.40)  # logarithm of F1 over the speaker's mean
_SPREAD_F2 = (0.10, 0.36)  # likewise of F2
# Lips are round where F2, and F1 in part, are low, less so the wider the jaw.
_ROUND = (0.03, -0.12)
_ROUND_F1_WEIGHT, _LOWEST_F1, _WIDE_F1, _WIDE_F1_WEIGHT = 0.55, -0.35, 0.1, 0.9
_F1_SHARE = 0.15  # of the opening that F1 decides

_HISS_DB = (-4.0, 10.0)  # over the voice
_HISS_MIN_DB, _HISS_FULL_DB = -34.0, 14.0  # relative to loud speech, and above that
_HISS_CLOSING, _HISS_OPENING = 0.75, 0.1  # hiss closes the jaw, but parts the lips
_OPENING_SMOOTH_HOPS, _SHAPE_SMOOTH_HOPS, _TEETH_SMOOTH_HOPS = 1.0, 8.0, 4.0
_ENERGY_SMOOTH_HOPS = 24.0

_CERTAINTY = (0.24, 0.56)  # of a closure: the tongue's leave the lips apart, likely ones shut them
_TRANSITION_FRAMES = 0.4  # duration of closing and opening lips
_LIKELY = 0.7  # pressure from which the lips are in time
_TOUCHING = 0.05  # opening below which the lips press each other

# Lips take 0.2 s to open wide, and 0.4 s from round to spread; the tip of the tongue is faster.
_JAW = Agility(speed=0.19, acceleration=0.07)
_LIPS = Agility(speed=0.22, acceleration=0.1)
_TONGUE = Agility(speed=0.35, acceleration=0.2)
_SEEN = 0.65  # exponent from opening to what is seen: a slit that opens is seen most
_LEAST_TRUST = 0.05  # of a frame in which no shape is heard


@dataclass(frozen=True)
class MouthCurves:
    """State of a mouth, and what else of a face follows the voice: float32 (frames,), at 25 fps."""

    opening: Floats  # 0 lips touch, 1 widest
    rounding: Floats  # 0 to 1, lips narrowed and pushed forward (O, U, W)
    spreading: Floats  # 0 to 1, corners out (E, I)
    closure: Floats  # 0 to 1, lips pressed together (B, P, M); where it is 1, opening is 0
    teeth: Floats  # 0 to 1, teeth close together behind open lips (S, Z, F)
    energy: Floats  # 0 to 1, slow loudness, drives the head
    rise: Floats  # 0 to 1, of the pitch over the usual
    stress: Floats  # 0 to 1, of a word


def analyse(sound: Floats, frames: int) -> MouthCurves:
    """Return the mouth curves of `frames` frames for `sound`, float32 (n,) mono 16 kHz in [-1, 1].

    A sound shorter than frames / 25 s is padded with silence, a longer one is cut.
    """
    hops = frames * _HOPS_PER_FRAME + 2 * _FIRST_HOP
    spectrum = measure_spectrum(sound, hops)
    loud_db = measure_loud_level(spectrum.voice)
    level = _normalise_level(_measure_loudness(spectrum))
    openness, rounding, spreading, heard = _estimate_shape(spectrum, loud_db)
    teeth = _measure_hiss(spectrum, loud_db)
    opening = level * (1 - _F1_SHARE + 1.15 * _F1_SHARE * openness) * (1 - _HISS_CLOSING * teeth)
    opening = np.maximum(np.minimum(opening, 1), _HISS_OPENING * teeth)
    speaking = gaussian_filter1d(ramp(level, 0, 0.15), 8)
    pressure = _build_closure_curve(find_closures(spectrum, loud_db), frames)

    def sample_frames(curve: Floats, smooth_hops: float) -> Floats:
        smooth = gaussian_filter1d(curve, smooth_hops)[_FIRST_HOP::_HOPS_PER_FRAME]
        return np.asarray(smooth[:frames], np.float32)

    wide = sample_frames(opening, _OPENING_SMOOTH_HOPS) * (1 - pressure) ** 2
    parted = follow(wide**_SEEN, _JAW, closed=pressure > _LIKELY) ** np.float32(1 / _SEEN)
    trust = np.maximum(sample_frames(heard, _SHAPE_SMOOTH_HOPS), _LEAST_TRUST)
    shape = sample_frames((spreading - rounding) * speaking, _SHAPE_SMOOTH_HOPS)
    width = follow(shape, _LIPS, trust, lowest=-1)  # lips are either round or spread
    energy = sample_frames(np.minimum(level, 1), _ENERGY_SMOOTH_HOPS)
    rise = measure_rise(sound, energy, _FIRST_HOP / HOPS_PER_S)
    return MouthCurves(
        parted,
        np.maximum(-width, 0),
        np.maximum(width, 0),
        pressure * ramp(parted, _TOUCHING, 0),
        follow(sample_frames(teeth, _TEETH_SMOOTH_HOPS), _TONGUE),
        energy,
        rise,
        find_stress(energy, rise),
    )


def _measure_loudness(spectrum: Spectrum) -> Floats:
    """Return the level in dB, float32 (hops,), with less of the hum that passes closed lips."""
    murmur = ramp(spectrum.hum - spectrum.first, *_MURMUR_OVER_FIRST_DB)
    murmur *= ramp(spectrum.hum - spectrum.bright, *_MURMUR_OVER_BRIGHT_DB)
    return sum_levels(spectrum.voice, spectrum.hum - _HUM_LOSS_DB - _MURMUR_LOSS_DB * murmur)


def _normalise_level(loudness: Floats) -> Floats:
    """Scale loudness to the passage around: 0 silence, 1 loud, at most 1.1, float32 (hops,)."""
    least_db, most_db = _RANGE_DB
    loud_db = measure_loud_level(loudness)
    floor_db = _estimate_floor(loudness, loud_db)
    frames = len(loudness) // _HOPS_PER_FRAME
    peaks = loudness[: frames * _HOPS_PER_FRAME].reshape(frames, _HOPS_PER_FRAME).max(1)
    passage = percentile_filter(peaks, _PASSAGE_PERCENTILE, _PASSAGE_FRAMES)
    passage = gaussian_filter1d(passage, _PASSAGE_SMOOTH_FRAMES)
    middles = (np.arange(frames) + 0.5) * _HOPS_PER_FRAME - 0.5
    wide_db = np.interp(np.arange(len(loudness)), middles, passage)
    wide_db = np.maximum(wide_db, max(loud_db - _PASSAGE_DB, floor_db + least_db))
    shut_db = np.maximum(wide_db - most_db, floor_db)
    shut, amplitude = (
        10 ** ((level_db - wide_db) * _COMPRESSION / 20) for level_db in (shut_db, loudness)
    )
    return np.asarray(np.clip((amplitude - shut) / (1 - shut), 0, 1.1), np.float32)


def _estimate_floor(level: Floats, loud_db: float) -> float:
    """Return the level in dB below which all is background.

    It stays below loud speech also in a sound without pauses, which shows no background.
    """
    background_db = measure_background_level(level, loud_db) + _BACKGROUND_MARGIN_DB
    return min(background_db, loud_db - _RANGE_DB[0])


def _estimate_shape(spectrum: Spectrum, loud_db: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return jaw opening, rounding and spreading of the lips and how well they are heard.

    Each is 0 to 1, float32 (hops,).

    They are measured on voiced sound without murmurs, and smoothed over the rest.
    """
    weight = ramp(spectrum.voice - loud_db, *_AUDIBLE_DB)
    weight *= ramp(np.maximum(spectrum.hum, spectrum.first) - spectrum.hiss, *_VOICED_DB)
    low = sum_levels(spectrum.first, spectrum.back)
    weight *= 1 - _MURMUR_WEIGHT_LOSS * ramp(spectrum.hum - low, *_MURMUR_DB)
    f1 = _smooth_weighted(np.log(spectrum.f1_hz / _USUAL_F1_HZ), weight)
    f2 = _smooth_weighted(np.log(spectrum.f2_hz / _USUAL_F2_HZ), weight)
    # A longer vocal tract lowers both alike.
    both = float(((f1 + f2) * weight).sum()) / 2
    tract = both / (float(weight.sum()) + _USUAL_WEIGHT_S * HOPS_PER_S)
    tract = min(max(tract, -_MAX_TRACT_LOG), _MAX_TRACT_LOG)
    f1, f2 = f1 - tract, f2 - tract
    frontness = np.asarray(f2 + _ROUND_F1_WEIGHT * np.maximum(f1, _LOWEST_F1), np.float32)
    frontness += _WIDE_F1_WEIGHT * np.maximum(f1 - _WIDE_F1, 0)
    return ramp(f1, *_OPEN_F1), ramp(frontness, *_ROUND), ramp(f2, *_SPREAD_F2), weight


def _measure_hiss(spectrum: Spectrum, loud_db: float) -> Floats:
    """Return the hiss of the teeth, 0 to 1, float32 (hops,), without that of the background."""
    level_db = sum_levels(spectrum.hiss, spectrum.voice)
    floor_db = max(_estimate_floor(level_db, loud_db), loud_db + _HISS_MIN_DB)
    loud_enough = ramp(level_db, floor_db, floor_db + _HISS_FULL_DB)
    return loud_enough * ramp(spectrum.hiss - spectrum.voice, *_HISS_DB)


def _smooth_weighted(values: Floats, weight: Floats) -> Floats:
    """Smooth `values` by their weights, filling in those that are NaN; 0 far from any weight."""
    known = np.isfinite(values)
    trust = np.where(known, weight, 0).astype(np.float32)
    weighted = np.where(known, values, 0) * trust
    around = gaussian_filter1d(trust, _FORMANT_SMOOTH_HOPS) + np.float32(1e-3)
    return np.asarray(gaussian_filter1d(weighted, _FORMANT_SMOOTH_HOPS) / around, np.float32)


def _build_closure_curve(closures: list[Closure], frames: int) -> Floats:
    """Return how far the lips are pressed together, float32 (frames,) 0 to 1.

    Each closure, however short, affects at least one frame.
    """
    curve = np.zeros(frames, np.float32)
    for closure in closures:
        start, end = ((hop - _FIRST_HOP) / _HOPS_PER_FRAME for hop in (closure.start, closure.end))
        middle = round((start + end) / 2)
        first, last = int(np.ceil(start - 1)), int(np.floor(end + 1))
        force = float(np.interp(closure.certainty, _CERTAINTY, (0, 1)))
        for frame in range(max(0, first), min(frames, last + 1)):
            distance = max(0.0, start - frame, frame - end) if frame != middle else 0.0
            pressure = force * max(0.0, 1 - distance / _TRANSITION_FRAMES)
            curve[frame] = max(curve[frame], pressure)
    return curve
