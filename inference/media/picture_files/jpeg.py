"""JPEG files: a stream of only what makes the pixels, and detection of missing ones."""

import io
import re
import zlib

from PIL.JpegImagePlugin import JpegImageFile

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _COMMENT = 0xDA, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
# Any marker but those without a length; between them, decoders skip what is not a marker.
_NEXT_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_ICC, _EXIF, _JFIF, _ADOBE = b"ICC_PROFILE\0", b"Exif\0\0", b"JFIF", b"Adobe"
_COEFFICIENTS = 64  # of a block
_FILLERS = (b"\x5a\xc3\x96" * 100, b"\xb1\x2d\x74" * 100)  # scan data that means nothing


class _EndlessJpeg(JpegImageFile):
    """A JPEG without an end marker; raises EOFError when it is loaded and scan data is missing."""

    data = b""

    def load_prepare(self) -> None:
        """Check the scans: decoders leave parts grey if an end marker follows what is there."""
        _require_all_scans(self.data)
        if _is_last_scan_cut(self.data):
            raise EOFError("the last scan is cut")
        super().load_prepare()


def open_jpeg(data: bytes) -> JpegImageFile:
    """Return the picture, not yet loaded, with its profile and EXIF data.

    A missing end marker doesn't matter; missing scan data raises EOFError when it is loaded.
    """
    head, exif, profile, at = _read_head(data)
    end = _find_end(data, at)
    if end is not None:
        opened = JpegImageFile(io.BytesIO(head + data[at : end + len(_EOI)]))
    else:
        scans = data[at:].rstrip(b"\0")  # as in a download that was given its full length
        stream = head + scans + (b"\0" if scans.endswith(b"\xff") else b"")
        opened = _EndlessJpeg(io.BytesIO(stream + _EOI))
        opened.data = stream
    opened.info["icc_profile"] = profile
    opened.info["exif"] = exif
    return opened


def _read_head(data: bytes) -> tuple[bytes, bytes | None, bytes | None, int]:
    """Return the segments before the first scan, EXIF data, colour profile, and the scan's start.

    Of application segments only those are kept that decide how colours are stored.
    """
    kept, exif = [_SOI], None
    parts: dict[int, bytes] = {}  # of the profile, by their numbers from 1
    said = 0  # number of parts
    at = len(_SOI)
    while found := _NEXT_MARKER.search(data, at):
        at = found.start()
        marker = data[at + 1]
        if marker == _SOS:
            profile = b"".join(parts[number] for number in sorted(parts))
            whole = sorted(parts) == list(range(1, said + 1))
            return b"".join(kept), exif, profile if whole else None, at
        body = _read_segment(data, at)
        at += 4 + len(body)
        if marker == _APP2 and body.startswith(_ICC) and len(body) > len(_ICC) + 2:
            said = body[len(_ICC) + 1]
            parts.setdefault(body[len(_ICC)], body[len(_ICC) + 2 :])
        elif marker == _APP1 and body.startswith(_EXIF):
            exif = exif or body
        elif (
            not (_APP0 <= marker <= _APP15 or marker == _COMMENT)
            or (marker == _APP0 and body.startswith(_JFIF))
            or (marker == _APP14 and body.startswith(_ADOBE))
        ):
            kept.append(data[at - 4 - len(body) : at])
    raise EOFError("no scan")


def _read_segment(data: bytes, at: int) -> bytes:
    """Return what follows the marker at `at` and the length."""
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    if length < 2 or at + 2 + length > len(data):
        raise EOFError("a segment is cut")
    return data[at + 4 : at + 2 + length]


def _find_end(data: bytes, at: int) -> int | None:
    """Return where the end marker is, which follows the scan that begins at `at`; None without."""
    while found := _NEXT_MARKER.search(data, at):
        at = found.start()
        if data[at : at + 2] == _EOI:
            return at
        at += 4 + len(_read_segment(data, at))
    return None


def _require_all_scans(data: bytes) -> None:
    """Raise EOFError unless the scans of a file without an end give every coefficient in full."""
    missing: dict[int, set[int]] = {}  # by component
    at = len(_SOI)
    while found := _NEXT_MARKER.search(data, at):
        at = found.start()
        marker, body = data[at + 1], _read_segment(data, at)
        if marker in _FRAMES:
            missing = {part: set(range(_COEFFICIENTS)) for part in body[6::3]}
        elif marker == _SOS:
            first, last, precision = body[-3:]
            if precision & 15 == 0:  # no bits are left for later scans
                for part in body[1:-3:2]:
                    missing[part] -= set(range(first, last + 1))
        at += 4 + len(body)
    if any(missing.values()):
        raise EOFError("a scan is missing")


def _is_last_scan_cut(data: bytes) -> bool:
    """Return whether what follows `data`, which has no end marker, would change the pixels."""
    checksums = set()
    for filler in _FILLERS:
        restarts = b"".join(bytes((0xFF, 0xD0 + number)) + filler for number in range(8))
        with JpegImageFile(io.BytesIO(data + filler + restarts + _EOI)) as opened:
            checksums.add(zlib.crc32(opened.tobytes()))
    return len(checksums) > 1
