"""Which frames are no picture at all, or only repeat the one before."""

import numpy as np
from numpy.typing import NDArray

from inference.quality.curves import filled, stretches
from inference.quality.measure import STILL_FRAMES, Measured

Flags = NDArray[np.bool_]

_BLACK, _DARK = 8, 20  # level that 98 % of a frame's pixels stay under; the latter only ...
_LIT = 40  # ... where the picture itself is brighter than this

# Neighbouring pixels of a quarter-size copy correlate with 0.9 and more in photographs, with 0.6 in
# a gravel that fills the frame, with 0 in random pixels and up to 0.45 in what a model with random
# weights draws.
_RANDOM = 0.2
_ROUGHER = 0.3  # than the picture
_UNLIKE = 0.3  # likeness of patterns; other pictures reach 0.2, frames of this one stay over 0.9
_JUMPY = 0.5  # likeness to the frame before
_FACE_REACH = 1  # frames from one look at a face to the next, less one

# Mean difference in levels in the block that changes most. An encoder's own changes, in a frame
# that stands still, settle under 0.35; a drawn head that only breathes stays over 0.5.
_SAME = 0.4
_REPEATS = 0.5


def black_frames(measured: Measured) -> Flags:
    """Which frames are black, bool (n,)."""
    dark = measured.highlight < _DARK
    return np.asarray(
        dark & (measured.picture_highlight >= _LIT) | (measured.highlight < _BLACK), np.bool_
    )


def noise_frames(measured: Measured, sure: bool = False) -> Flags:
    """Which frames are noise, bool (n,): random pixels, or blotches with nothing of the picture.

    `sure`: blotches only where they also jump from frame to frame or stand still; what moves on as
    people do may be another picture.
    """
    least = max(_RANDOM, measured.picture_smoothness - _ROUGHER)
    rough = measured.smoothness < least
    # a face is sure to be no noise: it is another picture then
    faceless = np.ones(measured.frames, np.bool_)
    for speaker in range(measured.gap.shape[1]):
        faceless &= np.isnan(filled(measured.gap[:, speaker], _FACE_REACH))
    jumpy = measured.continuity < _JUMPY
    unlike = (measured.likeness < _UNLIKE) & faceless
    if sure:
        unlike &= jumpy | _flagged(standing(measured), measured.frames)
    elif not measured.pictured:
        unlike &= jumpy
    return np.asarray((rough | unlike) & ~black_frames(measured), np.bool_)


def standing(measured: Measured) -> list[range]:
    """The stretches of frames that only repeat the one before, `STILL_FRAMES` or more of them."""
    still = np.zeros(measured.frames, np.bool_)
    for at in np.flatnonzero(measured.change < _SAME):
        still[max(0, at - STILL_FRAMES + 1) : at + 1] = True
    repeats = measured.step < _REPEATS
    for stretch in list(stretches(still)):
        start, stop = stretch.start, stretch.stop
        while start > 0 and repeats[start - 1]:
            start -= 1
        while stop < len(still) and repeats[stop]:
            stop += 1
        still[start:stop] = True
    return list(stretches(still))


def _flagged(ranges: list[range], frames: int) -> Flags:
    flags = np.zeros(frames, np.bool_)
    for each in ranges:
        flags[each.start : each.stop] = True
    return flags
