"""PNG files: a stream of only the chunks that make the pixels, and 16 bits a channel."""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from inference.media.picture_files.colour import (
    BT_709_PRIMARIES,
    PRIMARIES,
    SRGB,
    build_h273_profile,
    build_profile,
    read_profile,
)

Bytes = NDArray[np.uint8]

MAX_PROFILE_BYTES = 16 * 2**20  # unpacked

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD_CHUNKS = (b"IHDR", b"PLTE")
_EXTRA_CHUNKS = (b"tRNS", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"acTL", b"eXIf")
_GREY, _RGB, _PALETTE, _GREY_ALPHA = 0, 2, 3, 4  # types of pixels
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, 6: 4}
_INTERLACED = (  # left, top, step right and step down of each pass
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_UNPACKED_AT_ONCE = 2**20  # bytes
_USUAL_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.05  # without cHRM, browsers take this as sRGB


class _WholePng(PngImageFile):
    """A PNG that raises EOFError when it is loaded and rows are missing."""

    header = pixels = b""

    def load_prepare(self) -> None:
        """Check the rows: Pillow leaves them black if what is there ends as it should."""
        _require_all_rows(self.header, self.pixels)
        super().load_prepare()


def open_png(data: bytes) -> PngImageFile:
    """Return the still picture, not yet loaded, with its profile, EXIF data and `is_animated`.

    Its stream is written anew: flaws and sizes of other chunks don't matter, and the first sound
    one counts. IDAT chunks need no right checksum: what they unpack to has its own.
    """
    chunks, pixels = _read_chunks(data)
    header = chunks[b"IHDR"]
    depth, kind = header[8], header[9]
    clean = {b"IHDR": header}
    if kind == _PALETTE:
        clean |= {name: chunks[name] for name in (b"PLTE", b"tRNS") if name in chunks}
    clean |= {b"IDAT": pixels, b"IEND": b""}
    stream = _SIGNATURE + b"".join(_pack_chunk(name, body) for name, body in clean.items())
    opened = _WholePng(io.BytesIO(stream))
    opened.header, opened.pixels = header, pixels
    opened.is_animated = int.from_bytes(chunks.get(b"acTL", b"")[:4], "big") > 1
    opened.info["icc_profile"] = _find_profile(chunks)
    opened.info["exif"] = chunks.get(b"eXIf")
    # which Pillow unpacks to RGBA
    opened.info["grey_alpha_16_bit"] = depth == 16 and kind == _GREY_ALPHA
    transparent = _read_transparent(chunks.get(b"tRNS", b""), depth, kind)
    if transparent and depth < 16:
        opened.info["transparency"] = transparent if kind == _RGB else transparent[0]
    elif transparent:
        opened.info["transparent_16_bit"] = transparent
    if transparent and depth == 16 and kind == _RGB:  # of which Pillow gives either half
        lower = PngImageFile(io.BytesIO(stream))
        lower.tile = [lower.tile[0]._replace(args="RGB;16L")]
        opened.info["lower_bytes"] = lower
    return opened


def _read_chunks(data: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """Return the chunks we use, and the packed pixels."""
    found: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if name == b"IDAT":
            pixels.append(data[at + 8 : end])
        elif name == b"IEND":
            break
        elif name in _HEAD_CHUNKS + _EXTRA_CHUNKS and name not in found:
            checksum = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
            if data[end : end + 4] == checksum:
                if name == b"eXIf" or not pixels:
                    found[name] = data[at + 8 : end]
            elif name in _HEAD_CHUNKS:
                raise ValueError(f"wrong checksum of {name!r}")
        at = end + 4
    return found, b"".join(pixels)


def _require_all_rows(header: bytes, pixels: bytes) -> None:
    """Raise EOFError if `pixels` unpack to less than all rows."""
    width, height, depth, kind = struct.unpack_from(">IIBB", header)
    bits = depth * _CHANNELS[kind]
    missing = 0
    for left, top, right, down in _INTERLACED if header[12] else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        missing += rows * (1 + -(-columns * bits // 8)) if columns > 0 else 0
    unpack = zlib.decompressobj()
    while pixels and missing > 0:
        missing -= len(unpack.decompress(pixels, _UNPACKED_AT_ONCE))
        pixels = unpack.unconsumed_tail
    if missing > 0:
        raise EOFError(f"{missing} bytes of rows are missing")


def _pack_chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(name))
    return b"".join((struct.pack(">I4s", len(body), name), body, struct.pack(">I", checksum)))


def _read_transparent(body: bytes, depth: int, kind: int) -> tuple[int, ...]:
    """Return the grey level or colour that is transparent, as Pillow scales pixels of `depth`.

    16 bits stay. Empty if there is none, and for palettes, which Pillow reads itself.
    """
    channels = {_GREY: 1, _RGB: 3}.get(kind, 0)
    if not channels or len(body) < 2 * channels:
        return ()
    largest = (1 << depth) - 1
    scale = 255 // largest if depth < 8 else 1
    return tuple((level & largest) * scale for level in struct.unpack_from(f">{channels}H", body))


def _find_profile(chunks: dict[bytes, bytes]) -> bytes | None:
    """Return the colour profile, in the order of precedence of PNG's third edition."""
    cicp = chunks.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[2:] == b"\0\1":  # RGB, full range
        told = build_h273_profile(cicp[0], cicp[1])
        if told is not None:
            return told
    packed = chunks.get(b"iCCP", b"").partition(b"\0")[2][1:]
    try:
        profile = zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES)
    except zlib.error:
        profile = b""
    if read_profile(profile) is not None:
        return profile
    return SRGB if b"sRGB" in chunks else _build_gamma_profile(chunks)


def _build_gamma_profile(chunks: dict[bytes, bytes]) -> bytes | None:
    gamma = int.from_bytes(chunks.get(b"gAMA", b"")[:4], "big") / 100_000
    if gamma == 0:
        return None
    curve = (np.arange(256) / 255) ** (1 / gamma)
    told = chunks.get(b"cHRM", b"")
    if len(told) == 32:
        return build_profile(tuple(v / 100_000 for v in struct.unpack(">8I", told)), curve)
    if abs(gamma / _USUAL_GAMMA - 1) <= _GAMMA_TOLERANCE:
        return SRGB
    return build_profile(PRIMARIES[BT_709_PRIMARIES], curve)


def to_8_bit_channels(opened: Image.Image) -> Image.Image:
    """Return a picture of any format with 8-bit channels that can be averaged.

    Its mode is L, LA, RGB, RGBA or CMYK: no palette, no 16 bits, no transparent colour.
    """
    colour = opened.info.get("transparent_16_bit")
    if opened.mode.startswith("I"):  # 16-bit grey, which convert() would clip
        deep = np.asarray(opened, np.uint16)
        result = Image.fromarray((deep >> 8).astype(np.uint8))
        if colour:
            result.putalpha(Image.fromarray(np.where(deep == colour[0], 0, 255).astype(np.uint8)))
    elif colour:
        result = opened.convert("RGB")
        result.putalpha(
            _mask_out(np.asarray(opened), np.asarray(opened.info["lower_bytes"]), colour)
        )
    elif opened.info.get("grey_alpha_16_bit"):
        result = opened.convert("LA")
    else:
        grey = opened.mode in ("1", "L", "LA")
        if opened.has_transparency_data:
            mode = "LA" if grey else "RGBA"
        else:
            mode = "L" if grey else "CMYK" if opened.mode == "CMYK" else "RGB"
        return opened if opened.mode == mode else opened.convert(mode)
    result.info = {"icc_profile": opened.info.get("icc_profile")}
    return result


def _mask_out(upper: Bytes, lower: Bytes, colour: tuple[int, ...]) -> Image.Image:
    """Return the alpha of pixels of which one 16-bit colour is transparent: (h, w, 3) halves."""
    same = np.ones(upper.shape[:2], bool)
    for channel, level in enumerate(colour):
        same &= (upper[..., channel] == level >> 8) & (lower[..., channel] == level & 255)
    return Image.fromarray(np.where(same, 0, 255).astype(np.uint8))
