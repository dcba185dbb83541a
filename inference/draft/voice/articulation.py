"""Lips as bodies with a top speed and a top acceleration, which start early to be in time.

Sounds change faster than lips can, so neighbours share a shape (coarticulation). Each curve becomes
the nearest one, by least squares, that lips could follow; frames in which a shape is heard well
count the more (Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", 1993). Lips
that close for B, P and M are faster than any others, and meet without slowing down (Löfqvist and
Gracco, "Lip and jaw kinematics in bilabial stop consonant production", 1997): no limit holds there.

The problem is solved by alternating directions (Boyd and others, "Distributed optimization and
statistical learning via ADMM", 2011); a cosine transform makes differences diagonal.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

Floats = NDArray[np.float32]

_STEPS = 80  # after which no frame changes by more than 0.002
_BESIDE = 2  # frames on each side of a closure: opening and closing lips


@dataclass(frozen=True)
class Agility:
    """Limits of a motion: `speed` a frame, `acceleration` a frame and frame."""

    speed: float
    acceleration: float


def follow(
    wanted: Floats,
    agility: Agility,
    trust: Floats | float = 1,
    closed: NDArray[np.bool_] | None = None,
    lowest: float = 0,
) -> Floats:
    """Return the curve nearest to `wanted` that keeps to `agility`, float32 (frames,).

    `wanted` is float32 (frames,); both are `lowest` to 1. `trust`, above 0, weighs the frames. In
    a closure, where `closed`, the curve is at most as wanted; there and beside it motion is free.
    """
    frames = len(wanted)
    if closed is None:
        closed = np.zeros(frames, np.bool_)
    ceiling = np.where(closed, wanted, 1)
    near, inner = (maximum_filter1d(closed, 2 * reach + 1) for reach in (_BESIDE, _BESIDE - 1))
    speed = np.where(near[1:] & near[:-1], np.inf, agility.speed)
    acceleration = np.where(inner, np.inf, agility.acceleration)
    wave = 2 - 2 * np.cos(np.pi * np.arange(frames) / frames)
    curve = wanted.astype(np.float64)
    parts = [curve, np.diff(curve), _bend(curve)]
    errors = [np.zeros_like(part) for part in parts]
    for _ in range(_STEPS):
        place, step, bend = (part - error for part, error in zip(parts, errors, strict=True))
        pull = place - np.diff(step, prepend=0, append=0) + _bend(bend)
        curve = scipy.fft.idct(scipy.fft.dct(pull) / (1 + wave + wave**2))
        moved = (curve, np.diff(curve), _bend(curve))
        free = [part + error for part, error in zip(moved, errors, strict=True)]
        parts = [
            np.clip((trust * wanted + free[0]) / (trust + 1), lowest, ceiling),
            np.clip(free[1], -speed, speed),
            np.clip(free[2], -acceleration, acceleration),
        ]
        errors = [after - part for after, part in zip(free, parts, strict=True)]
    return np.asarray(parts[0], np.float32)


def _bend(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the second difference, (frames,), as if the curve was mirrored at its ends."""
    return np.diff(np.diff(curve), prepend=0, append=0)
