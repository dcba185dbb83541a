"""Cheap preview of latents: a linear map to colours instead of the decoder."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

# Wan 2.1's normalised latents to RGB, -1 to 1, as fitted for and shipped with ComfyUI: a row per
# latent channel, then the offset.
_FACTORS = (
    (-0.1299, -0.1692, 0.2932),
    (0.0671, 0.0406, 0.0442),
    (0.3568, 0.2548, 0.1747),
    (0.0372, 0.2344, 0.1420),
    (0.0313, 0.0189, -0.0328),
    (0.0296, -0.0956, -0.0665),
    (-0.3477, -0.4059, -0.2925),
    (0.0166, 0.1902, 0.1975),
    (-0.0412, 0.0267, -0.1364),
    (-0.1293, 0.0740, 0.1636),
    (0.0680, 0.3019, 0.1128),
    (0.0032, 0.0581, 0.0639),
    (-0.1251, 0.0927, 0.1699),
    (0.0060, -0.0633, 0.0005),
    (0.3477, 0.2275, 0.2950),
    (0.1984, 0.0913, 0.1861),
)
_OFFSET = (-0.1835, -0.0868, -0.3360)


def render_preview(latents: Tensor, width: int, height: int) -> NDArray[np.uint8]:
    """Render the middle one of latent frames (16, t, h, w) as RGB uint8 (height, width, 3)."""
    middle = latents[:, latents.shape[1] // 2]
    factors, offset = (torch.tensor(v, device=latents.device) for v in (_FACTORS, _OFFSET))
    colours = torch.einsum("chw,co->hwo", middle.float(), factors) + offset
    pixels = ((colours + 1) * 127.5).clamp(0, 255).to(torch.uint8).cpu().numpy()
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
