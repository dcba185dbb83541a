"""Which frames are no picture at all, or only repeat the one before."""

import numpy as np
from numpy.typing import NDArray

from inference.quality.curves import fill_gaps, find_runs
from inference.quality.measure import MIN_FROZEN_FRAMES, Measurements

Flags = NDArray[np.bool_]

# Levels that 98 % of a black frame's pixels stay under; the higher one counts only where the
# picture itself is brighter than _LIT_LEVEL.
_BLACK_LEVEL, _DARK_LEVEL = 8, 20
_LIT_LEVEL = 40

# Neighbouring pixels of a quarter-size copy correlate with 0.9 and more in photographs, with 0.6 in
# a gravel that fills the frame, with 0 in random pixels and up to 0.45 in what a model with random
# weights draws.
_MIN_SMOOTHNESS = 0.2
_SMOOTHNESS_MARGIN = 0.3  # than the picture
_MIN_LIKENESS = (
    0.3  # likeness of patterns; other pictures reach 0.2, frames of this one stay over 0.9
)
_MIN_CONTINUITY = 0.5  # likeness to the frame before
_FACE_REACH_FRAMES = 1  # frames from one look at a face to the next, less one

# Mean difference in levels in the block that changes most. An encoder's own changes, in a frame
# that stands still, settle under 0.35; a drawn head that only breathes stays over 0.5.
_FROZEN_CHANGE = 0.4
_REPEATED_STEP = 0.5


def find_black_frames(measured: Measurements) -> Flags:
    """Which frames are black, bool (n,)."""
    dark = measured.highlight < _DARK_LEVEL
    return np.asarray(
        dark & (measured.picture_highlight >= _LIT_LEVEL) | (measured.highlight < _BLACK_LEVEL),
        np.bool_,
    )


def find_noise_frames(measured: Measurements, sure: bool = False) -> Flags:
    """Which frames are noise, bool (n,): random pixels, or blotches with nothing of the picture.

    `sure`: blotches only where they also jump from frame to frame or stand still; what moves on as
    people do may be another picture.
    """
    least = max(_MIN_SMOOTHNESS, measured.picture_smoothness - _SMOOTHNESS_MARGIN)
    rough = measured.smoothness < least
    # a face is sure to be no noise: it is another picture then
    faceless = np.ones(measured.frames, np.bool_)
    for speaker in range(measured.gap.shape[1]):
        faceless &= np.isnan(fill_gaps(measured.gap[:, speaker], _FACE_REACH_FRAMES))
    jumpy = measured.continuity < _MIN_CONTINUITY
    unlike = (measured.likeness < _MIN_LIKENESS) & faceless
    if sure:
        unlike &= jumpy | _to_flags(find_frozen_runs(measured), measured.frames)
    elif not measured.pictured:
        unlike &= jumpy
    return np.asarray((rough | unlike) & ~find_black_frames(measured), np.bool_)


def find_frozen_runs(measured: Measurements) -> list[range]:
    """The stretches of frames that only repeat the one before, `MIN_FROZEN_FRAMES` or more of
    them."""
    still = np.zeros(measured.frames, np.bool_)
    for at in np.flatnonzero(measured.change < _FROZEN_CHANGE):
        still[max(0, at - MIN_FROZEN_FRAMES + 1) : at + 1] = True
    repeats = measured.step < _REPEATED_STEP
    for stretch in list(find_runs(still)):
        start, stop = stretch.start, stretch.stop
        while start > 0 and repeats[start - 1]:
            start -= 1
        while stop < len(still) and repeats[stop]:
            stop += 1
        still[start:stop] = True
    return list(find_runs(still))


def _to_flags(ranges: list[range], frames: int) -> Flags:
    flags = np.zeros(frames, np.bool_)
    for each in ranges:
        flags[each.start : each.stop] = True
    return flags
