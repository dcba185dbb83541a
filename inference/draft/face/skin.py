"""Creases of the skin beside a mouth, as a layer that can be taken off.

The folds of a smile run from the nose past the corners of the mouth. They are there because the
corners are drawn out and up, and flatten when these come in.
"""

import cv2
import numpy as np

from inference.draft.face.light import Light
from inference.draft.face.lips import Lips
from inference.draft.face.warp import Floats, smoothstep

# Scales between which a change of brightness is a crease, in face heights: finer is grain, coarser
# is the face's own shape.
_FINEST, _COARSEST = 0.003, 0.06
# Of the skin's brightness: smaller changes are its texture, greater ones beard, hair or shadow.
_MIN_CREASE, _MAX_CREASE = (0.0, 0.05), 0.6
_RIM = 0.06  # of the face's height
_LIP_MARGIN = 0.02  # of the face's height
# In `across`: where the folds of a smile begin beside the nose, lie, and end. Beside the chin they
# begin further out.
_FOLDS, _BESIDE_CHIN = (0.6, 0.85, 1.5, 2.3), 0.2


def extract_creases(
    source: Floats, motion: Floats, lips: Lips, light: Light, across: Floats, down: Floats
) -> Floats:
    """Return what the folds add to `source`, float32 (h, w, 3) in levels.

    `motion` is 1 on the face and less outside it, float32 (h, w).
    """
    height = lips.height_px
    beyond = np.maximum(
        lips.sample(lips.outer_upper, across) - down, down - lips.sample(lips.outer_lower, across)
    )
    beside = smoothstep(np.abs(across), 0.9, 1.1)
    face = np.clip(20 * motion - 19, 0, 1)
    skin = face * np.maximum(beside, np.clip(beyond / (_LIP_MARGIN * height), 0, 1))
    weight = np.asarray(skin, np.float32)[..., None]

    def smooth(scale: float) -> Floats:
        around = cv2.GaussianBlur(weight[..., 0], (0, 0), scale * height)
        total = cv2.GaussianBlur(source * weight, (0, 0), scale * height)
        return np.asarray(total / np.maximum(around, 1e-3)[..., None], np.float32)

    crease = smooth(_FINEST) - smooth(_COARSEST)
    size = np.linalg.norm(crease, axis=-1, keepdims=True) / np.linalg.norm(light.skin + 1)
    crease *= smoothstep(size, *_MIN_CREASE) / (1 + (size / _MAX_CREASE) ** 8)
    aside = np.abs(across)
    begin = aside - _BESIDE_CHIN * smoothstep(down, 0, 0.1 * height)
    folds = smoothstep(begin, *_FOLDS[:2]) * (1 - smoothstep(aside, *_FOLDS[2:]))
    tall = np.where(down < 0, -0.20 * height, 0.32 * height)
    folds *= 1 - smoothstep(np.asarray(down / tall, np.float32), 0.6, 1.0)
    within = cv2.GaussianBlur(np.asarray(face, np.float32), (0, 0), _RIM * height)
    # the shading of the face's rim is its shape
    folds *= smoothstep(np.asarray(within, np.float32), 0.65, 1.0)
    return np.asarray(crease * weight * folds[..., None], np.float32)
