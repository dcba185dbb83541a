"""Colour matching: each Lab channel of a frame gets the picture's mean and standard deviation.

Otherwise colours drift, as each window starts from the last frames of the one before.
"""

from functools import cache

import torch
from torch import Tensor

# sRGB (IEC 61966-2-1) to CIE XYZ, the D65 white for 2 degrees, and CIE Lab.
_XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_WHITE = (0.95047, 1.0, 1.08883)
_LINEAR_BELOW, _LINEAR_SLOPE, _LINEAR_OFFSET = 0.008856, 7.787, 16 / 116
_LINEAR_BELOW_ROOT = 0.2068966
_LAB_FROM_ROOTS = ((0.0, 116.0, 0.0), (500.0, -500.0, 0.0), (0.0, 200.0, -200.0))
_LIGHTNESS_OFFSET = 16.0
_MIN_STD = 1e-4  # below, a channel is flat but for rounding; it is set to the reference mean


def match_colours(video: Tensor, reference: Tensor, strength: float = 1.0) -> Tensor:
    """Match the colours of frames (3, f, h, w) to those of `reference` (3, h, w), all -1 to 1.

    `strength` is 0 (unchanged) to 1. Works frame by frame to save memory.
    """
    if strength == 0:
        return video
    reference_std, reference_mean = _compute_std_mean(rgb_to_lab(_to_unit_range(reference)))
    out = torch.empty_like(video)
    for index in range(video.shape[1]):
        frame = _to_unit_range(video[:, index])
        lab = rgb_to_lab(frame)
        std, mean = _compute_std_mean(lab)
        gain = torch.where(std > _MIN_STD, reference_std / std, 0.0)
        corrected = lab_to_rgb((lab - mean) * gain + reference_mean)
        out[:, index] = torch.lerp(frame, corrected, strength) * 2 - 1
    return out


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB (3, h, w), 0 to 1, to CIE Lab."""
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).pow(2.4), rgb / 12.92)
    t = _apply_matrix(_XYZ_FROM_RGB, linear) / _to_column(_WHITE, rgb)
    roots = torch.where(t > _LINEAR_BELOW, t.pow(1 / 3), _LINEAR_SLOPE * t + _LINEAR_OFFSET)
    lab = _apply_matrix(_LAB_FROM_ROOTS, roots)
    lab[0] -= _LIGHTNESS_OFFSET
    return lab


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Convert CIE Lab (3, h, w) to sRGB, clamped to 0 .. 1."""
    y = (lab[0] + _LIGHTNESS_OFFSET) / 116
    roots = torch.stack([y + lab[1] / 500, y, (y - lab[2] / 200).clamp(min=0)])
    line = (roots - _LINEAR_OFFSET) / _LINEAR_SLOPE
    xyz = torch.where(roots > _LINEAR_BELOW_ROOT, roots**3, line) * _to_column(_WHITE, lab)
    linear = _apply_matrix(_invert_xyz_matrix(), xyz)
    curved = 1.055 * linear.clamp(min=0).pow(1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curved, 12.92 * linear).clamp(0, 1)


@cache
def _invert_xyz_matrix() -> tuple[tuple[float, ...], ...]:
    inverse = torch.linalg.inv(torch.tensor(_XYZ_FROM_RGB, dtype=torch.float64))
    return tuple(map(tuple, inverse.tolist()))


def _to_unit_range(frame: Tensor) -> Tensor:
    return ((frame.float() + 1) / 2).clamp(0, 1)


def _compute_std_mean(lab: Tensor) -> tuple[Tensor, Tensor]:
    """Return the population standard deviation and the mean of each channel, (3, 1, 1)."""
    return torch.std_mean(lab, dim=(1, 2), correction=0, keepdim=True)


def _apply_matrix(matrix: tuple[tuple[float, ...], ...], channels: Tensor) -> Tensor:
    weights = torch.tensor(matrix, dtype=channels.dtype, device=channels.device)
    return torch.einsum("oc,chw->ohw", weights, channels)


def _to_column(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(3, 1, 1)
