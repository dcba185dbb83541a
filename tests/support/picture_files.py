"""Files of pictures made byte by byte, and profiles of colours that show when they are used."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from inference.media.picture import decode_picture
from inference.media.picture_files.colour import PRIMARIES, build_profile

Pixels = NDArray[np.uint8]

Y, X = np.mgrid[0:40, 0:48]
COLOURS = np.stack((X * 5, Y * 6, (X + Y) * 2), axis=2).astype(np.uint8)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]


def chunk(name: bytes, body: bytes, checksum: int | None = None) -> bytes:
    """A chunk of a PNG, with a wrong checksum if one is given."""
    right = zlib.crc32(name + body)
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", checksum or right)


def png(pixels: NDArray[np.generic], kind: int, *chunks: bytes, depth: int = 0) -> bytes:
    """A PNG of (h, w) or (h, w, c) uint8 or uint16 pixels; `depth` below 8 packs them."""
    height, width = pixels.shape[:2]
    depth = depth or 8 * pixels.dtype.itemsize
    return _png(width, height, depth, kind, _rows(pixels, depth), chunks, 0)


def interlaced_png(pixels: NDArray[np.generic], kind: int, *chunks: bytes) -> bytes:
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    parts = [pixels[top::down, left::right] for left, top, right, down in PASSES]
    rows = b"".join(_rows(part, depth) for part in (*parts, pixels[1::2]))
    return _png(width, height, depth, kind, rows, chunks, 1)


def _rows(pixels: NDArray[np.generic], depth: int) -> bytes:
    if depth < 8:
        bits = np.unpackbits(pixels[..., None].astype(np.uint8), axis=2)[..., -depth:]
        pixels = np.packbits(bits.reshape(len(pixels), -1), axis=1)
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big_endian)


def _png(
    width: int, height: int, depth: int, kind: int, rows: bytes, chunks: tuple[bytes, ...], way: int
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, way)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"".join((SIGNATURE, chunk(b"IHDR", header), *chunks, pixels, chunk(b"IEND", b"")))


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"name\0\0" + zlib.compress(profile))


def gama(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def chrm(primaries: int) -> bytes:
    values = [round(value * 100_000) for value in PRIMARIES[primaries]]
    return chunk(b"cHRM", struct.pack(">8I", *values))


def linear_profile(extra_bytes: int = 0) -> bytes:
    """A colour profile of light as it is: 128 becomes 188. The rest of it is incompressible."""
    profile = build_profile(PRIMARIES[1], np.arange(256) / 255)
    assert profile is not None
    noise = np.random.default_rng(1).bytes(extra_bytes)
    return struct.pack(">I", len(profile) + extra_bytes) + profile[4:] + noise


def linear_grey_profile() -> bytes:
    """The same for grey pixels: of the tags, wtpt stays and rTRC is called kTRC."""
    return linear_profile().replace(b"RGB XYZ", b"GRAYXYZ").replace(b"rTRC", b"kTRC")


def lab_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return profile.tobytes()


def with_nclx(heic: bytes, primaries: int, transfer: int) -> bytes:
    """The HEIC, of one item, with an `nclx` box: every box around it grows, the pixels move."""
    colours = struct.pack(">4sHHHB", b"nclx", primaries, transfer, 6, 0)
    box = struct.pack(">I4s", 8 + len(colours), b"colr") + colours
    at = heic.index(b"ipma") + 14  # the number of the item's properties
    count = heic[at]
    heic = (
        heic[:at]
        + bytes((count + 1,))
        + heic[at + 1 : at + 1 + count]
        + b"\3"
        + heic[at + 1 + count :]
    )
    at = heic.index(b"ipma") - 4  # follows the properties
    heic = heic[:at] + box + heic[at:]
    for name, more in ((b"meta", 1), (b"iprp", 1), (b"ipma", 1), (b"ipco", 0)):
        heic = _add(heic, heic.index(name) - 4, more + (len(box) if name != b"ipma" else 0))
    return _add(heic, heic.index(b"iinf") - 12, len(box) + 1)  # iloc ends with offset and length


def _add(data: bytes, at: int, more: int) -> bytes:
    (value,) = struct.unpack_from(">I", data, at)
    return data[:at] + struct.pack(">I", value + more) + data[at + 4 :]


def decoded(path: Path, data: bytes) -> Pixels:
    path.write_bytes(data)
    return decode_picture(path)[0]


def lightened(pixels: Pixels) -> Pixels:
    """Linear light as sRGB codes (IEC 61966-2-1)."""
    light = pixels / 255
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * code).astype(np.uint8)


def check_close(pixels: Pixels, expected: Pixels, tolerance: int = 1) -> None:
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


def jpeg(pixels: Pixels = COLOURS, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **{"quality": 95, **options})
    return file.getvalue()


def webp(pixels: Pixels = COLOURS, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True, **options)
    return file.getvalue()
