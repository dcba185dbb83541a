"""WebP files: a file of only the chunks that make the pixels."""

import io
import struct

from PIL.WebPImagePlugin import WebPImageFile

_HEAD_BYTES = 12
_PIXEL_CHUNKS = (b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")
_KEPT_FLAGS = 0x12  # of VP8X: alpha and animation; not profile, EXIF and XMP data


def open_webp(data: bytes) -> WebPImageFile:
    """Return the picture, not yet loaded, with its profile and EXIF data.

    The length of the whole file as its head states it doesn't matter. Raises EOFError for a chunk
    of pixels that is cut.
    """
    chunks: list[bytes] = []
    found: dict[bytes, bytes] = {}
    at = _HEAD_BYTES
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
        if name in _PIXEL_CHUNKS and (name == b"ANMF" or name not in found):
            if len(body) < length:
                raise EOFError(f"{name!r} is cut")
            if name == b"VP8X":
                body = bytes((body[0] & _KEPT_FLAGS,)) + body[1:]
            chunks.append(struct.pack("<4sI", name, length) + body + b"\0" * (length % 2))
        found.setdefault(name, body)
    stream = b"".join(chunks)
    opened = WebPImageFile(
        io.BytesIO(struct.pack("<4sI4s", b"RIFF", 4 + len(stream), b"WEBP") + stream)
    )
    opened.info["icc_profile"] = found.get(b"ICCP")
    opened.info["exif"] = found.get(b"EXIF")
    return opened
