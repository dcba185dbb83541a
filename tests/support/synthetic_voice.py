"""A voice made of pulses and resonances, so that every sound's time and shape is known exactly.

All sounds are float32 (samples,) mono 16 kHz. Resonances are those of an adult man: EE and OO as in
Peterson and Barney, "Control methods used in a study of the vowels", 1952; AH between their two.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float32]

RATE_HZ = 16_000
AH, EE, OO = (730, 1300, 2440), (270, 2290, 3010), (300, 870, 2240)
_FADE = RATE_HZ // 200  # samples over which a sound sets in and ends


def vowel(resonances_hz: Sequence[float], duration_s: float, pitch_hz: float = 120) -> Floats:
    """A steady vowel with a peak of 0.5."""
    sound = _pulses(duration_s, pitch_hz)
    for centre_hz in (*resonances_hz, 3300, 4200):
        sound = _resonance(sound, centre_hz, 50 + 0.03 * centre_hz)
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)


def murmur(bump_hz: float, duration_s: float) -> Floats:
    """A nasal hum with a peak of 0.3 and a weak second resonance: M's is at 1300 Hz, N's not."""
    pulses = _pulses(duration_s, 120)
    sound = np.zeros_like(pulses)
    for centre_hz, width_hz, share in ((250, 60, 1.0), (bump_hz, 300, 0.04), (2500, 500, 0.015)):
        part = _resonance(_resonance(pulses, centre_hz, width_hz), centre_hz, 2 * width_hz)
        sound += share * part / part.std()
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)


def hiss(duration_s: float, peak: float = 0.3) -> Floats:
    """An S: noise above 4 kHz."""
    noise = np.random.default_rng(0).standard_normal(round(duration_s * RATE_HZ))
    sound = _resonance(_resonance(lfilter([1, -1], [1], noise), 5500, 1500), 5500, 1500)
    return np.asarray(peak * sound / np.abs(sound).max(), np.float32)


def dark(sound: Floats) -> Floats:
    """The sound with less and less above 270 Hz, as through lips that are nearly shut."""
    return np.asarray(lfilter([0.1], [1, -0.9], sound), np.float32)


def between_lips(sound: Floats) -> Floats:
    """The sound as it is between two lip closures: its first and last 40 ms are dark."""
    fade = np.clip(np.arange(len(sound)) / (0.04 * RATE_HZ), 0, 1)
    fade = np.minimum(fade, fade[::-1])
    return np.asarray(fade * sound + (1 - fade) * dark(sound), np.float32)


def silence(duration_s: float) -> Floats:
    return np.zeros(round(duration_s * RATE_HZ), np.float32)


def said(*sounds: Floats) -> tuple[Floats, list[float]]:
    """The sounds one after the other, each with soft ends, and the time in s each begins at."""
    ramp = np.clip((np.arange(max(map(len, sounds))) + 0.5) / _FADE, 0, 1).astype(np.float32)
    soft = [s * ramp[: len(s)] * ramp[: len(s)][::-1] for s in sounds]
    lengths = [len(s) / RATE_HZ for s in sounds]
    return np.concatenate(soft), list(np.cumsum([0.0, *lengths[:-1]]))


def _pulses(duration_s: float, pitch_hz: float) -> NDArray[np.float64]:
    """What the vocal folds do: pulses that fall by 12 dB an octave, less 6 for the lips."""
    time = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    pulses = np.diff(np.floor(time * pitch_hz), prepend=-1)
    return np.asarray(lfilter([1], [1, -0.97], pulses))


def _resonance(
    sound: NDArray[np.float64], centre_hz: float, width_hz: float
) -> NDArray[np.float64]:
    radius = np.exp(-np.pi * width_hz / RATE_HZ)
    turn = 2 * np.cos(2 * np.pi * centre_hz / RATE_HZ)
    return np.asarray(lfilter([1], [1, -radius * turn, radius**2], sound))
