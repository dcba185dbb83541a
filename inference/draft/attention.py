"""Whom the people in a picture look at: who is silent looks at who speaks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from inference.core.timing import FPS

Floats = NDArray[np.float32]

_SPEAKING = 0.15  # energy of a voice that is heard
_PAUSE_FRAMES = FPS  # a pause as long is still the speaker's turn
_TURN_FRAMES = 3.0  # of looking up and away, as the deviation of a bell


def attend(energies: Sequence[Floats], centres: Sequence[tuple[float, float]]) -> list[Floats]:
    """Return where each person looks in the picture, float32 (frames, 2) each.

    The length is 0, at the camera, to 1, at another; the direction is right and down. `energies`
    are the voices', float32 (frames,) 0 to 1, and `centres` the faces', x and y in pixels.
    """
    turns = [maximum_filter1d(energy > _SPEAKING, 2 * _PAUSE_FRAMES + 1) for energy in energies]
    looks = []
    for own, (x, y) in enumerate(centres):
        look = np.zeros((len(energies[own]), 2))
        for other, (other_x, other_y) in enumerate(centres):
            if other != own:
                towards = np.asarray([other_x - x, other_y - y])
                listening = turns[other] & ~turns[own]
                look += listening[:, None] * towards / (np.linalg.norm(towards) + 1e-9)
        look = gaussian_filter1d(look, _TURN_FRAMES, axis=0, mode="nearest")
        looks.append(np.asarray(look, np.float32))
    return looks
