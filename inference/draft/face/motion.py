"""Blinks, brows, gaze and head motion as curves over the frames, from a seed and the speech."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from inference.core.timing import FPS
from inference.draft.face.warp import Floats
from inference.draft.voice.speech import MouthCurves

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
_STRESS_TURN, _STRESS_NOD = 0.022, 0.012  # towards a stressed word, in radians
_MIN_STRESS = 0.3  # of a word with which the head takes another direction
_TURN_FRAMES = 3.0  # of a turn, as the deviation of a bell
_BROW_STRESS = 0.35  # share of the brows' rise that stress, not pitch, decides
_LOOK_YAW, _LOOK_PITCH, _HEAD_LAG_FRAMES = 0.07, 0.03, 5.0  # the head follows the eyes
_LOOK_EYES, _EYE_RADIUS = 0.016, 0.065  # shift of the irises; from an eye's middle to its iris
_LOOK_BLINK = 0.3  # people blink as they look elsewhere: length of a look when they do


@dataclass(frozen=True)
class HeadMotion:
    """Motion of lids, brows, gaze and head.

    Lids are float32 (frames,) 0 open to 1 shut, brows (frames,) 0 to 1 raised, `gaze` (frames, 2)
    the irises' shift right and down in face heights. The columns of `head`, float32 (frames, 5):
    shift right and down in face heights; roll, yaw and pitch in radians.
    """

    lids: Floats
    head: Floats
    brows: Floats
    gaze: Floats


def generate_head_motion(curves: MouthCurves, seed: int, look: Floats | None = None) -> HeadMotion:
    """Generate the motion of a face with these curves.

    `look` is where it looks besides the camera, float32 (frames, 2); see `draft.attention`.
    """
    opening, energy, frames = curves.opening, curves.energy, len(curves.opening)
    if look is None:
        look = np.zeros((frames, 2), np.float32)
    rng = np.random.default_rng(seed)
    lids = np.maximum(_generate_blinks(frames, rng), _blink_with(look))
    phase = rng.uniform(0, 2 * np.pi)
    beat = gaussian_filter1d(opening - gaussian_filter1d(opening, 18, mode="nearest"), 3.0)
    lively = _SILENT_SHARE + (1 - _SILENT_SHARE) * gaussian_filter1d(energy, 6.0, mode="nearest")
    breath = np.sin(2 * np.pi * np.arange(frames) / FPS / _BREATH_S + phase)
    accents = _generate_accents(curves.stress, np.random.default_rng((seed, 1)))
    followed = gaussian_filter1d(look, _HEAD_LAG_FRAMES, axis=0, mode="nearest")
    head = np.stack(
        [
            _SHIFT_RIGHT * _generate_drift(frames, rng, 3.2),
            _SHIFT_DOWN * _generate_drift(frames, rng, 2.6)
            + _NOD_DOWN * beat
            + _BREATH_DOWN * breath,
            _ROLL * _generate_drift(frames, rng, 3.0),
            _YAW * _generate_drift(frames, rng, 2.8) * lively
            + _STRESS_TURN * accents
            + _LOOK_YAW * followed[:, 0],
            _PITCH * _generate_drift(frames, rng, 2.2) * lively
            + _NOD_PITCH * beat
            + _STRESS_NOD * curves.stress
            + _LOOK_PITCH * followed[:, 1],
        ],
        axis=1,
    ).astype(np.float32)
    # The eyes turn against the head's own motion, so that the gaze holds.
    held = head[:, 3:] - np.asarray([_LOOK_YAW, _LOOK_PITCH]) * followed
    gaze = _LOOK_EYES * look - _EYE_RADIUS * held
    brows = np.clip((1 - _BROW_STRESS) * curves.rise + _BROW_STRESS * curves.stress, 0, 1)
    return HeadMotion(lids, head, brows.astype(np.float32), gaze.astype(np.float32))


def _generate_accents(stress: Floats, rng: np.random.Generator) -> Floats:
    """Return a direction to the left or right that changes on each stressed word, (frames,)."""
    middle = stress[1:-1]
    peaks = (middle > stress[:-2]) & (middle >= stress[2:]) & (middle > _MIN_STRESS)
    steps, side = np.zeros(len(stress)), rng.choice((-1.0, 1.0))
    for place in np.flatnonzero(peaks).tolist():
        steps[place + 1 :] = side * rng.uniform(0.4, 1.0)
        side = -side
    return np.asarray(gaussian_filter1d(steps, _TURN_FRAMES, mode="nearest"), np.float32)


def _blink_with(look: Floats) -> Floats:
    """Return the lids of blinks that go with looking elsewhere, float32 (frames,)."""
    away = np.linalg.norm(look, axis=1) > _LOOK_BLINK
    lids = np.zeros(len(look) + len(_BLINK), np.float32)
    for first in np.flatnonzero(away[1:] & ~away[:-1]).tolist():
        lids[first : first + len(_BLINK)] = _BLINK
    return lids[: len(look)]


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
