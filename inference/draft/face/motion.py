"""Blinks and head motion as curves over the frames, from a seed and the speech."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from inference.core.timing import FPS
from inference.draft.face.warp import Floats

# How far the lids are shut, frame by frame: about 0.25 s, closing faster than opening.
_BLINK = (0.35, 0.90, 1.0, 0.75, 0.40, 0.12)
_FIRST_BLINK_S = (0.6, 1.8)
_BLINK_EVERY_S = (2.0, 4.6)
_DOUBLE_BLINK_CHANCE = 0.12  # chance of a second blink soon after
_DOUBLE_BLINK_S = 0.36
_BREATH_S = 4.2  # period of a breath

# Typical sizes (standard deviations); shifts in face heights, turns in radians.
_SHIFT_RIGHT, _SHIFT_DOWN, _BREATH_DOWN = 0.0045, 0.0035, 0.0030
_ROLL, _YAW, _PITCH = 0.007, 0.026, 0.015
_NOD_DOWN, _NOD_PITCH = 0.028, 0.08  # for an opening of 1 above its running mean
_SILENT_SHARE = 0.5  # share of the turns that remains in silence


@dataclass(frozen=True)
class HeadMotion:
    """Lids, float32 (frames,) 0 open to 1 shut, and head, float32 (frames, 5).

    The columns of `head`: shift right and down in face heights; roll, yaw and pitch in radians.
    """

    lids: Floats
    head: Floats


def generate_head_motion(opening: Floats, energy: Floats, seed: int) -> HeadMotion:
    """Generate motion for a mouth's opening and energy, float32 (frames,) 0 to 1 each."""
    frames = len(opening)
    rng = np.random.default_rng(seed)
    lids = _generate_blinks(frames, rng)
    phase = rng.uniform(0, 2 * np.pi)
    beat = gaussian_filter1d(opening - gaussian_filter1d(opening, 18, mode="nearest"), 3.0)
    lively = _SILENT_SHARE + (1 - _SILENT_SHARE) * gaussian_filter1d(energy, 6.0, mode="nearest")
    breath = np.sin(2 * np.pi * np.arange(frames) / FPS / _BREATH_S + phase)
    head = np.stack(
        [
            _SHIFT_RIGHT * _generate_drift(frames, rng, 3.2),
            _SHIFT_DOWN * _generate_drift(frames, rng, 2.6)
            + _NOD_DOWN * beat
            + _BREATH_DOWN * breath,
            _ROLL * _generate_drift(frames, rng, 3.0),
            _YAW * _generate_drift(frames, rng, 2.8) * lively,
            _PITCH * _generate_drift(frames, rng, 2.2) * lively + _NOD_PITCH * beat,
        ],
        axis=1,
    )
    return HeadMotion(lids, head.astype(np.float32))


def _generate_blinks(frames: int, rng: np.random.Generator) -> Floats:
    lids = np.zeros(frames + len(_BLINK), np.float32)
    time_s, is_second = rng.uniform(*_FIRST_BLINK_S), False
    while time_s * FPS < frames:
        first = int(time_s * FPS)
        lids[first : first + len(_BLINK)] = np.maximum(lids[first : first + len(_BLINK)], _BLINK)
        is_second = not is_second and rng.random() < _DOUBLE_BLINK_CHANCE
        time_s += _DOUBLE_BLINK_S if is_second else rng.uniform(*_BLINK_EVERY_S)
    return lids[:frames]


def _generate_drift(frames: int, rng: np.random.Generator, period_s: float) -> Floats:
    """Return slow noise around 0, mostly within 2, with that typical period."""
    margin = round(4 * period_s * FPS)
    noise = rng.standard_normal(frames + 2 * margin)
    smooth = gaussian_filter1d(noise, period_s * FPS / 4)
    scaled = smooth[margin : margin + frames] * np.sqrt(2 * np.sqrt(np.pi) * period_s * FPS / 4)
    return np.asarray(np.clip(scaled, -2.2, 2.2), np.float32)
