"""HEIC files: their pixels, with colours told by a profile or by code points in an `nclx` box."""

import io

import pillow_heif
from PIL import Image

from inference.media.picture_files.colour import (
    BT_709_PRIMARIES,
    SRGB_TRANSFER,
    UNSPECIFIED,
    build_h273_profile,
)

# Of video cameras. Browsers take them for that of sRGB in AVIF files, which have the same box.
_TRANSFERS_LIKE_SRGB = (UNSPECIFIED, 1, 6, 14, 15)


def open_heif(data: bytes) -> Image.Image:
    """Return the picture, not yet loaded, with its profile.

    The decoder itself uses the box's matrix and range.
    """
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    opened = Image.open(io.BytesIO(data), formats=["HEIF"])
    told = opened.info.get("nclx_profile")
    if told and not opened.info.get("icc_profile"):
        primaries, transfer = told["color_primaries"], told["transfer_characteristics"]
        opened.info["icc_profile"] = build_h273_profile(
            BT_709_PRIMARIES if primaries == UNSPECIFIED else primaries,
            SRGB_TRANSFER if transfer in _TRANSFERS_LIKE_SRGB else transfer,
        )
    return opened
