"""Colours of pictures: profiles of spaces that files tell by numbers, and conversion to sRGB."""

import io
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Floats = NDArray[np.float64]

SRGB = b""  # in place of a profile: nothing to convert
BT_709_PRIMARIES = 1  # those of sRGB, too; code points of ITU-T H.273 here and below
SRGB_TRANSFER = 13
UNSPECIFIED = 2

_D65 = (0.3127, 0.3290)
PRIMARIES: Final = {  # x and y of white, red, green and blue; H.273, table 2
    BT_709_PRIMARIES: (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_GAMMAS = {1: 2.4, 6: 2.4, 7: 2.4, 14: 2.4, 15: 2.4, 4: 2.2, 5: 2.8, 8: 1.0}
_SMPTE_428, _PQ, _HLG = 17, 16, 18
# Light of HDR pictures, in units of its white (203 cd/m2), to that of a screen without HDR:
# measured in Chromium, which leaves room for highlights of up to 1000 cd/m2.
_HDR_WHITE, _HDR_PEAK = 203, 1000  # cd/m2
_HDR_LIGHT = (0, 1, 1.344, 1.677, 2.088, 2.598, 3.229, 4.010, _HDR_PEAK / _HDR_WHITE)
_SCREEN_LIGHT = (0, 0.5, 0.617, 0.694, 0.761, 0.823, 0.888, 0.947, 1)

_D50 = np.array((0.9642, 1.0, 0.8249))  # white of profiles
_BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)


def convert_to_srgb(picture: Image.Image) -> Image.Image:
    """Return a picture of mode L, LA, RGB, RGBA or CMYK as RGB or RGBA in sRGB.

    `info["icc_profile"]` is its profile. One that is invalid, or for another kind of pixels, is
    ignored as browsers do. Colour and alpha are converted apart.
    """
    colour = picture.convert(picture.mode.removesuffix("A"))
    profile = picture.info.get("icc_profile")
    if colour.mode == "L":  # LittleCMS is wrong by up to 10 of 255 in the dark, or slow
        levels = Image.frombytes("L", (256, 1), bytes(range(256)))
        shown = _apply_profile(levels, profile, ImageCms.Flags.NOOPTIMIZE)
        converted = Image.merge("RGB", [colour.point(list(b.tobytes())) for b in shown.split()])
    else:
        converted = _apply_profile(colour, profile)
    if picture.mode.endswith("A"):
        converted.putalpha(picture.getchannel("A"))
    return converted


def _apply_profile(
    colour: Image.Image, data: bytes | None, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> Image.Image:
    profile = read_profile(data)
    if profile is not None:
        space = profile.profile.xcolor_space.strip()
        if space == "RGB" and colour.mode == "L":
            colour = colour.convert("RGB")
        if space == {"L": "GRAY"}.get(colour.mode, colour.mode):
            try:
                srgb = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(
                    colour, profile, srgb, outputMode="RGB", flags=flags
                )
            except (ImageCms.PyCMSError, OSError, ValueError):
                converted = None
            if converted is not None:
                return converted
    return colour.convert("RGB")


def read_profile(data: bytes | None) -> ImageCms.ImageCmsProfile | None:
    """Return an ICC profile; None without one, and for an invalid one."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(data)) if data else None
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def build_h273_profile(primaries: int, transfer: int) -> bytes | None:
    """Return a profile for code points of ITU-T H.273, as Chromium shows them.

    None for code points without a meaning here.
    """
    curve = _compute_h273_curve(transfer)
    if curve is None or primaries not in PRIMARIES:
        return None
    if (primaries, transfer) == (BT_709_PRIMARIES, SRGB_TRANSFER):
        return SRGB
    return build_profile(PRIMARIES[primaries], curve)


def _compute_h273_curve(transfer: int) -> Floats | None:
    """Return the light, 0 to 1, of each 8-bit code."""
    code = np.arange(256) / 255
    if transfer in _GAMMAS:
        return code ** _GAMMAS[transfer]
    if transfer == SRGB_TRANSFER:
        return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    if transfer == _SMPTE_428:
        return np.minimum(code**2.6 * 52.37 / 48, 1)
    if transfer == _PQ:
        power = code ** (32 / 2523)
        ratio = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
        return _fit_to_screen(10_000 * ratio ** (16384 / 2610))
    if transfer == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
        return _fit_to_screen(_HDR_PEAK * scene**1.2)
    return None


def _fit_to_screen(light: Floats) -> Floats:
    return np.interp(light / _HDR_WHITE, _HDR_LIGHT, _SCREEN_LIGHT)


def build_profile(chromaticities: tuple[float, ...], curve: Floats) -> bytes | None:
    """Return an ICC profile of an RGB space; None for impossible chromaticities.

    These are x and y of white, red, green and blue; `curve` is the light, 0 to 1, of each 8-bit
    code.
    """
    x, y = np.reshape(chromaticities, (4, 2)).T
    if (y <= 0).any():
        return None
    white, *primaries = np.stack((x / y, np.ones(4), (1 - x - y) / y), axis=1)
    matrix = np.stack(primaries, axis=1)
    cones = _BRADFORD @ white
    if abs(np.linalg.det(matrix)) < 1e-9 or (cones <= 0).any():
        return None
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / cones) @ _BRADFORD
    red, green, blue = (adapt @ (matrix * np.linalg.solve(matrix, white))).T
    levels = np.round(np.clip(curve, 0, 1) * 65535).astype(">u2").tobytes()
    curve_tag = struct.pack(">4s4xI", b"curv", len(curve)) + levels
    tags = {b"wtpt": _pack_xyz(_D50), b"rXYZ": _pack_xyz(red), b"gXYZ": _pack_xyz(green)}
    tags |= {b"bXYZ": _pack_xyz(blue)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve_tag)
    return _pack_profile(tags)


def _pack_xyz(colour: Floats) -> bytes:
    # values of colours that no device can show may be large
    values = np.round(np.clip(colour, -32768, 32767) * 65536).astype(">i4")
    return b"XYZ \0\0\0\0" + values.tobytes()


def _pack_profile(tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), 0x0240_0000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    )
    return (head + _pack_xyz(_D50)[8:]).ljust(128, b"\0") + table + body
