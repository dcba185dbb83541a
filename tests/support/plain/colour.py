"""Colours of a video brought to those of a picture, frame by frame through Lab, in float64."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Pixels: TypeAlias = NDArray[np.floating[Any]]  # of any float dtype

# Constants of skimage.color's rgb2lab and lab2rgb: sRGB primaries, D65 white, 2 degree observer.
XYZ_FROM_RGB: Array = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
WHITE: Array = np.array([0.95047, 1.0, 1.08883])

FLAT = 1e-6  # Lab units; a spread below this is rounding of one single colour


def match(video: Pixels, reference: Pixels, strength: float) -> Array:
    """The video (3, t, h, w) with each frame's colours moved to those of the reference (3, h, w).

    Both are RGB in [-1, 1]; strength 0 leaves the video alone, 1 gives it mean and spread of the
    reference in every Lab channel. Result in [-1, 1], float64. Spec section 8, colour correction.
    """
    wanted = lab_from_rgb(_unit_rgb(reference))  # (h, w, 3)
    frames = []
    for index in range(video.shape[1]):
        rgb = _unit_rgb(video[:, index])  # (h, w, 3)
        matched = rgb_from_lab(_match_channels(lab_from_rgb(rgb), wanted))
        blended = (1 - strength) * rgb + strength * matched
        frames.append(np.clip(blended, 0, 1) * 2 - 1)
    return np.stack(frames).transpose(3, 0, 1, 2)  # (3, t, h, w)


def lab_from_rgb(rgb: Array) -> Array:
    """Lab (h, w, 3), L in [0, 100], from RGB (h, w, 3) in [0, 1]. skimage.color.rgb2lab."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    ratio = linear @ XYZ_FROM_RGB.T / WHITE  # (h, w, 3)
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    fx, fy, fz = root[..., 0], root[..., 1], root[..., 2]  # (h, w) each
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1)


def rgb_from_lab(lab: Array) -> Array:
    """RGB (h, w, 3), clipped to [0, 1], from Lab (h, w, 3). skimage.color.lab2rgb."""
    fy = (lab[..., 0] + 16) / 116  # (h, w)
    fx = fy + lab[..., 1] / 500
    fz = np.maximum(fy - lab[..., 2] / 200, 0)  # skimage clips z and only z
    root = np.stack([fx, fy, fz], axis=-1)
    xyz = np.where(root > 0.2068966, root**3, (root - 16 / 116) / 7.787) * WHITE
    linear = xyz @ np.linalg.inv(XYZ_FROM_RGB).T  # (h, w, 3)
    bright = 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055
    return np.clip(np.where(linear > 0.0031308, bright, 12.92 * linear), 0, 1)


def _unit_rgb(picture: Pixels) -> Array:
    # (3, h, w) in [-1, 1] -> (h, w, 3) in [0, 1]
    return np.clip((picture.astype(np.float64).transpose(1, 2, 0) + 1) / 2, 0, 1)


def _match_channels(lab: Array, wanted: Array) -> Array:
    out = np.empty_like(lab)  # (h, w, 3)
    for channel in range(3):
        values, goal = lab[..., channel], wanted[..., channel]
        spread = values.std()
        if spread < FLAT:
            out[..., channel] = goal.mean()
        else:
            out[..., channel] = (values - values.mean()) / spread * goal.std() + goal.mean()
    return out
