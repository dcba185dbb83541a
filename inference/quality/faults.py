"""Detection of black, noisy and frozen frames."""

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
_SMOOTHNESS_MARGIN = 0.3  # below the picture's
_MIN_LIKENESS = 0.3  # other pictures reach 0.2, frames of the same one stay over 0.9
_MIN_CONTINUITY = 0.5  # likeness to the previous frame
_FACE_REACH_FRAMES = 1  # frames skipped between two measurements of a face

# Mean difference in levels in the block that changes most. Encoder noise in a frozen frame settles
# under 0.35; a drawn head that only breathes stays over 0.5.
_FROZEN_CHANGE = 0.4
_REPEATED_STEP = 0.5


def find_black_frames(measured: Measurements) -> Flags:
    """Return a mask of the black frames, bool (n,)."""
    dark = measured.highlight < _DARK_LEVEL
    return np.asarray(
        dark & (measured.picture_highlight >= _LIT_LEVEL) | (measured.highlight < _BLACK_LEVEL),
        np.bool_,
    )


def find_noise_frames(measured: Measurements, sure: bool = False) -> Flags:
    """Return a mask of the noise frames, bool (n,): random pixels, or nothing of the picture.

    With `sure`, frames unlike the picture count only if they also jump or freeze: one that moves
    smoothly may be another picture.
    """
    min_smoothness = max(_MIN_SMOOTHNESS, measured.picture_smoothness - _SMOOTHNESS_MARGIN)
    rough = measured.smoothness < min_smoothness
    # a frame with a face is no noise, but another picture
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
    """Return the runs of at least `MIN_FROZEN_FRAMES` frames that repeat the previous one."""
    frozen = np.zeros(measured.frames, np.bool_)
    for at in np.flatnonzero(measured.change < _FROZEN_CHANGE):
        frozen[max(0, at - MIN_FROZEN_FRAMES + 1) : at + 1] = True
    repeats = measured.step < _REPEATED_STEP
    for run in list(find_runs(frozen)):
        start, stop = run.start, run.stop
        while start > 0 and repeats[start - 1]:
            start -= 1
        while stop < len(frozen) and repeats[stop]:
            stop += 1
        frozen[start:stop] = True
    return list(find_runs(frozen))


def _to_flags(ranges: list[range], frames: int) -> Flags:
    flags = np.zeros(frames, np.bool_)
    for each in ranges:
        flags[each.start : each.stop] = True
    return flags
