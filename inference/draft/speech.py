"""From a voice to what a mouth does with it, frame by frame: no words, no language, no learning.

The opening follows the loudness of the voice and its first resonance; the second one tells lips
that are rounded from lips that are spread; hiss shows the teeth; gaps and murmurs close the lips.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter, percentile_filter

from inference.draft.closures import Closure, find_closures
from inference.draft.spectrum import HOPS_PER_S, Floats, Spectrum, measure, ramp, total
from inference.timing import FPS

LEAD_S = 0.045  # the mouth leads the sound: lips are in place before they are heard

_HOPS_PER_FRAME = HOPS_PER_S // FPS
_LEAD_HOPS = round((0.5 / FPS + LEAD_S) * HOPS_PER_S)  # to the middle of frame 0, and the lead


@dataclass(frozen=True)
class MouthCurves:
    """What a mouth does, frame by frame: float32 (frames,) each, at 25 fps."""

    opening: Floats  # 0 lips touch, 1 widest
    rounding: Floats  # 0 to 1, lips narrowed and pushed forward (O, U, W)
    spreading: Floats  # 0 to 1, corners out (E, I)
    closure: Floats  # 0 to 1, lips pressed together (B, P, M); where it is 1, opening is 0
    teeth: Floats  # 0 to 1, teeth close together behind open lips (S, Z, F)
    energy: Floats  # 0 to 1, slow loudness, moves the head


def analyse(sound: Floats, frames: int) -> MouthCurves:
    """Mouth curves of `frames` frames for `sound`, float32 (samples,) mono 16 kHz in [-1, 1].

    A sound shorter than frames / 25 s goes on in silence, of a longer one the rest is not heard.
    """
    hops = frames * _HOPS_PER_FRAME + 2 * _LEAD_HOPS
    spectrum = measure(sound, hops)
    loudness = _loudness(spectrum)
    closure = _pressed(find_closures(spectrum, loudness.loud_db), frames)
    ...
