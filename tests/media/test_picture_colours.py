"""Pictures of every kind of pixels and colours are shown as Chromium shows them."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.picture_files import (
    COLOURS,
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    Pixels,
    X,
    Y,
    check_close,
    chrm,
    chunk,
    decoded,
    gama,
    iccp,
    interlaced_png,
    lab_profile,
    lightened,
    linear_grey_profile,
    linear_profile,
    png,
    webp,
    with_nclx,
)

DATA = Path(__file__).parents[1] / "data"
GREYS = (X * 5).astype(np.uint8)
DEEP = (X * 1300 + Y * 7).astype(np.uint16)
DEEP_COLOURS = np.stack((DEEP, Y * 1600 + 3, X * 500 + Y * 500), axis=2).astype(np.uint16)
ALPHA = np.where(Y < 20, 255, 0).astype(np.uint8)
SRGB_CHUNK = chunk(b"sRGB", b"\0")
LINEAR = iccp(linear_profile())


def as_colour(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[..., None], 3, axis=2)


def on_white(pixels: Pixels, shown: NDArray[np.bool_]) -> Pixels:
    return np.where(shown[..., None], pixels, 255).astype(np.uint8)


GREYS_ALPHA = np.dstack((GREYS, ALPHA))
COLOURS_ALPHA = np.dstack((COLOURS, ALPHA))
LINEAR_GREY = iccp(linear_grey_profile())


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("kind", "stored", "profile", "applies"),
    [
        (GREY, GREYS, LINEAR_GREY, True),
        (GREY, GREYS, LINEAR, True),  # browsers take a grey picture for an RGB one
        (GREY_ALPHA, GREYS_ALPHA, LINEAR_GREY, True),
        (GREY_ALPHA, GREYS_ALPHA, LINEAR, True),
        (RGB, COLOURS, LINEAR, True),
        (RGB, COLOURS, LINEAR_GREY, False),
        (RGB, COLOURS, iccp(lab_profile()), False),
        (RGB_ALPHA, COLOURS_ALPHA, LINEAR, True),
        (RGB_ALPHA, COLOURS_ALPHA, LINEAR_GREY, False),
        (RGB, COLOURS, iccp(b"no profile" * 99), False),
    ],
)
def test_profiles_fit_pixels_of_their_kind(
    kind: int, stored: Pixels, profile: bytes, applies: bool, deep: bool, tmp_path: Path
) -> None:
    pixels = stored.astype(np.uint16) * 257 if deep else stored
    grey = kind in (GREY, GREY_ALPHA)
    plain = as_colour(stored if stored.ndim == 2 else stored[..., 0]) if grey else stored[..., :3]
    opaque = ALPHA > 0 if kind in (GREY_ALPHA, RGB_ALPHA) else np.ones(X.shape, bool)
    expected = on_white(lightened(plain) if applies else plain, opaque)
    found = decoded(tmp_path / "a", png(pixels, kind, profile))
    check_close(found, expected)


def test_profiles_of_palettes_cmyk_and_webp(tmp_path: Path) -> None:
    palette = COLOURS[::3, ::3].reshape(-1, 3)[:16]
    coded = (X // 3 % 16).astype(np.uint8)
    chunks = LINEAR, chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", b"\0")
    found = decoded(tmp_path / "a", png(coded, PALETTE, *chunks, depth=4))
    check_close(found, on_white(lightened(palette)[coded], coded != 0))
    profile = linear_profile()
    check_close(decoded(tmp_path / "b", webp(icc_profile=profile)), lightened(COLOURS))
    see_through = decoded(tmp_path / "c", webp(COLOURS_ALPHA, icc_profile=profile))
    check_close(see_through, on_white(lightened(COLOURS), ALPHA > 0))
    inks = Image.fromarray(COLOURS).convert("CMYK")
    told, plain = io.BytesIO(), io.BytesIO()
    inks.save(told, "JPEG", quality=95, icc_profile=profile)  # of RGB: not for inks
    inks.save(plain, "JPEG", quality=95)
    shown = decoded(tmp_path / "d", told.getvalue())
    assert (shown == decoded(tmp_path / "e", plain.getvalue())).all()


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((gama(1.0),), lightened(COLOURS)),
        ((gama(1 / 2.2),), COLOURS),  # alone it means sRGB to browsers
        ((gama(1.0), chrm(1)), lightened(COLOURS)),
        ((SRGB_CHUNK, gama(1.0)), COLOURS),
        ((gama(1.0), SRGB_CHUNK), COLOURS),
        ((SRGB_CHUNK, LINEAR), lightened(COLOURS)),
        ((iccp(b"no profile"), gama(1.0)), lightened(COLOURS)),
        ((chunk(b"cICP", bytes((1, 8, 0, 1))), SRGB_CHUNK), lightened(COLOURS)),
        ((chunk(b"cICP", bytes((1, 13, 0, 1))), LINEAR), COLOURS),
        ((chunk(b"cICP", bytes((2, 2, 0, 1))), LINEAR), lightened(COLOURS)),
        ((chunk(b"cICP", bytes((1, 8, 0, 0))),), COLOURS),  # not of full range
        ((chrm(9),), COLOURS),
        ((chunk(b"gAMA", struct.pack(">I", 100_000), 7),), COLOURS),
        ((chunk(b"iCCP", b"x", 7), LINEAR), lightened(COLOURS)),
        ((LINEAR, chunk(b"iCCP", b"a second one")), lightened(COLOURS)),
        ((chunk(b"gAMA", bytes(4)), chunk(b"cHRM", bytes(32))), COLOURS),
        ((gama(1.0), chunk(b"cHRM", bytes(32))), COLOURS),
    ],
)
def test_chunks_tell_colours_in_the_order_of_the_standard(
    chunks: tuple[bytes, ...], expected: Pixels, tmp_path: Path
) -> None:
    check_close(decoded(tmp_path / "a", png(COLOURS, RGB, *chunks)), expected)


@pytest.mark.parametrize(
    ("chunks", "stored", "shown"),
    [  # as Chromium 156 shows them
        ((chunk(b"cICP", bytes((12, 13, 0, 1))),), (180, 100, 90), (194, 97, 86)),
        ((chunk(b"cICP", bytes((9, 13, 0, 1))),), (150, 140, 130), (156, 140, 129)),
        ((gama(1 / 2.2), chrm(12)), (180, 100, 90), (194, 97, 86)),
        ((chunk(b"cICP", bytes((1, 1, 0, 1))),), (120, 120, 120), (113, 113, 113)),
        ((chunk(b"cICP", bytes((9, 16, 0, 1))),), (120, 120, 120), (114, 114, 114)),
        ((chunk(b"cICP", bytes((9, 16, 0, 1))),), (165, 165, 165), (221, 221, 221)),
        ((chunk(b"cICP", bytes((9, 18, 0, 1))),), (165, 165, 165), (142, 142, 142)),
        ((chunk(b"cICP", bytes((9, 18, 0, 1))),), (225, 225, 225), (229, 229, 229)),
    ],
)
def test_wide_and_bright_colours(
    chunks: tuple[bytes, ...],
    stored: tuple[int, int, int],
    shown: tuple[int, int, int],
    tmp_path: Path,
) -> None:
    pixels = np.full((8, 8, 3), stored, np.uint8)
    expected = np.full((8, 8, 3), shown, np.uint8)
    check_close(decoded(tmp_path / "a", png(pixels, RGB, *chunks)), expected, tolerance=2)


@pytest.mark.parametrize(
    ("primaries", "transfer", "green"),
    [
        (1, 13, (30, 160, 30)),
        (1, 1, (30, 160, 30)),  # browsers take it for sRGB in pictures
        (2, 2, (30, 160, 30)),
        (12, 13, (0, 163, 0)),
        (9, 13, (0, 169, 0)),
        (1, 8, (96, 207, 96)),
    ],
)
def test_code_points_tell_colours_of_a_heic(
    primaries: int, transfer: int, green: tuple[int, ...], tmp_path: Path
) -> None:
    data = with_nclx((DATA / "upright.heic").read_bytes(), primaries, transfer)
    pixels = decoded(tmp_path / "a", data)
    assert np.abs(pixels[20, 120].astype(int) - green).max() <= 3


LEVEL, LEVELS = int(DEEP[20, 30]), DEEP_COLOURS[20, 30]
OFF_BY_ONE = DEEP_COLOURS.copy()
OFF_BY_ONE[20, 31] = LEVELS + np.array((0, 0, 1), np.uint16)


@pytest.mark.parametrize("write", [png, interlaced_png])
@pytest.mark.parametrize(
    ("kind", "stored", "level"),
    [(GREY, DEEP, LEVEL), (RGB, DEEP_COLOURS, LEVELS), (RGB, OFF_BY_ONE, LEVELS)],
)
def test_of_16_bits_one_colour_is_transparent(
    kind: int, stored: NDArray[np.uint16], level: NDArray[np.uint16], write: object, tmp_path: Path
) -> None:
    assert callable(write)
    told = chunk(b"tRNS", np.asarray(level, ">u2").tobytes())
    plain = (stored >> 8).astype(np.uint8)
    shown = stored != level if kind == GREY else (stored != level).any(axis=2)
    assert 0 < (~shown).sum() < 9
    expected = on_white(as_colour(plain) if kind == GREY else plain, shown)
    check_close(decoded(tmp_path / "a", write(stored, kind, told)), expected, tolerance=0)


@pytest.mark.parametrize("write", [png, interlaced_png])
def test_16_bit_grey_with_alpha(write: object, tmp_path: Path) -> None:
    assert callable(write)
    stored = np.dstack((DEEP, ALPHA.astype(np.uint16) * 257))
    expected = on_white(as_colour((DEEP >> 8).astype(np.uint8)), ALPHA > 0)
    check_close(decoded(tmp_path / "a", write(stored, GREY_ALPHA)), expected)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_grey_level_is_of_the_depth(depth: int, tmp_path: Path) -> None:
    levels = (1 << depth) - 1
    stored = (X % (levels + 1)).astype(np.uint8)
    plain = as_colour((stored * (255 // levels)).astype(np.uint8))
    for level in {0, 1, levels // 2, levels}:
        told = chunk(b"tRNS", struct.pack(">H", level))
        pixels = decoded(tmp_path / "a", png(stored, GREY, told, depth=depth))
        check_close(pixels, on_white(plain, stored != level), tolerance=0)
        pixels = decoded(tmp_path / "b", png(stored, GREY, LINEAR_GREY, told, depth=depth))
        check_close(pixels, on_white(lightened(plain), stored != level))
