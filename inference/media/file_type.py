"""File types by their first bytes, and detection of truncated files.

Decoders play a truncated file up to the cut without an error, but the counts in its headers reveal
the cut. A count of many times what is there is none: programs that write to a pipe don't know it.
"""

import io
import mmap
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

Bytes = bytes | mmap.mmap

HEAD_BYTES = 64  # length of the file head that `detect_kind` needs

_BOXES_AT_START = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # ISO, QuickTime
_BOXES = (*_BOXES_AT_START, b"meta", b"moof", b"mfra")  # any other may be text that trails
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # Matroska's first two elements
_PLACEHOLDER_FACTOR = 10  # an announced length of that many times what is there is unknown
_LAST_FRAME_BYTES = 2048  # a frame of MP3 or AAC is shorter
_WAV_UNKNOWN = 0xFFFF_FFFF  # a stated length
_WAV_HEAD_BYTES = 2**16  # holds what is before a WAV's samples
_OGG_HEADER_BYTES = 27

_MPEG1 = 3  # the version bits of an MP3 header; 2 is MPEG 2, 0 is MPEG 2.5
_MP3_RATES_HZ = (44_100, 48_000, 32_000)  # of MPEG 1
_MP3_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBPS_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # of MPEG 2, 2.5


class FileKind(StrEnum):
    """Types of pictures and recordings that are recognised by their first bytes."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    HEIF = "heif"
    AVIF = "avif"
    WAV = "wav"
    MP3 = "mp3"
    AAC = "aac"
    FLAC = "flac"
    OGG = "ogg"
    MATROSKA = "matroska"
    MP4 = "mp4"

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture rather than a recording or video."""
        return self in _PICTURES


_PICTURES = frozenset(FileKind(name) for name in ("jpeg", "png", "webp", "gif", "heif", "avif"))


def detect_kind(head: bytes) -> FileKind | None:
    """Return the type of a file that starts with `head`, or None if it is not supported."""
    for start, kind in (
        (b"\xff\xd8\xff", FileKind.JPEG),
        (b"\x89PNG\r\n\x1a\n", FileKind.PNG),
        (b"GIF8", FileKind.GIF),
        (b"fLaC", FileKind.FLAC),
        (b"OggS", FileKind.OGG),
        (b"ID3", FileKind.MP3),
        (_EBML, FileKind.MATROSKA),
    ):
        if head.startswith(start):
            return kind
    if head[:4] in (b"RIFF", b"RF64"):
        return {b"WEBP": FileKind.WEBP, b"WAVE": FileKind.WAV}.get(head[8:12])
    if head[4:8] in _BOXES_AT_START:
        brand = head[8:12] if head[4:8] == b"ftyp" else b""
        if brand in _AVIF_BRANDS:
            return FileKind.AVIF
        return FileKind.HEIF if brand in _HEIF_BRANDS else FileKind.MP4
    if _read_mp3_frame_bytes(head[:4]):
        return FileKind.MP3
    return (
        FileKind.AAC if head[:2] in (b"\xff\xf0", b"\xff\xf1", b"\xff\xf8", b"\xff\xf9") else None
    )


def is_truncated(data: Bytes, kind: FileKind | None) -> bool:
    """Return whether `data`, a whole file of that type, is shorter than its headers state.

    False also where they do not state it: FLAC and AAC, whose decoders notice the end, and live
    recordings.
    """
    match kind:
        case FileKind.WAV:
            return _is_wav_truncated(data)
        case FileKind.MP3:
            return _is_mp3_truncated(data)
        case FileKind.OGG:
            return _is_ogg_truncated(data)
        case FileKind.MATROSKA:
            return _is_matroska_truncated(data)
        case FileKind.MP4:
            return _are_boxes_truncated(data, min(_LAST_FRAME_BYTES, 64 + len(data) // 50))
        case FileKind.HEIF:
            return _are_boxes_truncated(data, 0)
        case _:
            return False


def is_cut(found: float, announced: float, slack: float) -> bool:
    """Return whether `found` is a part of what was `announced`, by more than `slack`."""
    return found + slack < announced < _PLACEHOLDER_FACTOR * found


def _is_wav_truncated(data: Bytes) -> bool:
    at, length = _find_wav_sound(data)
    # some programs count their own header
    return is_cut(len(data) - at, length, 64 + length // 100)


def _find_wav_sound(data: Bytes) -> tuple[int, int]:
    """Return the start of a WAV's samples and their stated length in bytes; 0 if there are none.

    An RF64 states it in a chunk of its own.
    """
    at, long = 12, 0
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if name == b"ds64":
            long = int.from_bytes(data[at + 8 : at + 16], "little", signed=True)
        elif name == b"data":
            return at, long if data[:4] == b"RF64" else length
        at += length + length % 2
    return len(data), 0


def open_readable(source: Path) -> BinaryIO:
    """Open a recording for a decoder.

    The head of an RF64 that was written to a pipe, whose lengths are 0 or -1, reads as that of a
    WAV of unknown length, because decoders play nothing of it.
    """
    with source.open("rb") as file:
        head = file.read(_WAV_HEAD_BYTES)
    at, length = _find_wav_sound(head)
    if head[:4] != b"RF64" or at == len(head):
        return source.open("rb")
    stated = length if 0 < length < _WAV_UNKNOWN else _WAV_UNKNOWN
    start = b"RIFF" + head[4 : at - 4] + stated.to_bytes(4, "little")
    return _RewrittenFile(source, start)


class _RewrittenFile(io.FileIO):
    """File whose first bytes are read as others."""

    def __init__(self, source: Path, head: bytes) -> None:
        super().__init__(source, "rb")
        self._head = head

    def read(self, size: int | None = -1) -> bytes:
        at = self.tell()
        data = super().read(-1 if size is None else size) or b""
        return self._head[at : at + len(data)] + data[max(0, len(self._head) - at) :]


def _is_mp3_truncated(data: Bytes) -> bool:
    """Return whether announced frames are missing; a part of the last one is no loss."""
    at = 0
    while data[at : at + 3] == b"ID3":
        a, b, c, d = data[at + 6 : at + 10].ljust(4, b"\0")
        at += 10 + (a << 21 | b << 14 | c << 7 | d)
    announced = _read_mp3_frame_count(data[at : at + 200])
    frames = 0
    while length := _read_mp3_frame_bytes(data[at : at + 4]):
        at += length
        frames += 1
    if at + 4 <= len(data):
        return False  # other data follows, such as a tag, so the frames are complete
    return is_cut(frames, announced, 2 + announced // 100)


def _read_mp3_frame_count(first: bytes) -> int:
    """Return the frame count in the Xing or Info header of the `first` frame; 0 without one."""
    at = max(first.find(b"Xing"), first.find(b"Info"))
    if at < 0 or len(first) < at + 12 or not first[at + 7] & 1:
        return 0
    return int.from_bytes(first[at + 8 : at + 12], "big")


def _read_mp3_frame_bytes(header: bytes) -> int:
    """Return the length of the MPEG Layer III frame with this four-byte header; 0 if invalid."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, bitrate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return 0
    padding = header[2] >> 1 & 1
    if version == _MPEG1:
        return 144_000 * _MP3_KBPS[bitrate] // _MP3_RATES_HZ[rate] + padding
    divisor = 2 if version == 2 else 4
    return 72_000 * _MP3_KBPS_LOW[bitrate] // (_MP3_RATES_HZ[rate] // divisor) + padding


def _is_ogg_truncated(data: Bytes) -> bool:
    at = data.rfind(b"OggS")
    header = data[at : at + _OGG_HEADER_BYTES]
    if len(header) < _OGG_HEADER_BYTES:
        return True
    segments = data[at + _OGG_HEADER_BYTES : at + _OGG_HEADER_BYTES + header[26]]
    body = at + _OGG_HEADER_BYTES + header[26]
    return body + sum(segments) > len(data)


def _is_matroska_truncated(data: Bytes) -> bool:
    length, at = _read_ebml_length(data, len(_EBML))
    at += length or 0
    if data[at : at + 4] != _SEGMENT:
        return False
    length, at = _read_ebml_length(data, at + 4)
    slack = min(_LAST_FRAME_BYTES, 64 + len(data) // 50)
    return length is not None and is_cut(len(data) - at, length, slack)


def _read_ebml_length(data: Bytes, at: int) -> tuple[int | None, int]:
    """Return an element's length (None: unknown, as in live recordings) and its content's start."""
    first = data[at] if at < len(data) else 0
    width = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value, at + width


def _are_boxes_truncated(data: Bytes, slack: int) -> bool:
    """Return whether more than `slack` bytes are missing, or any without the index, "moov"."""
    at, has_index = 0, False
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if length == 1:  # the length follows the name, in 64 bits
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8 or not name.isalnum():
            return False  # length 0: up to the end of the file; otherwise padding, not a box
        at += length
        if at > len(data):
            return name in _BOXES and at > len(data) + (slack if has_index else 0)
        has_index = has_index or name == b"moov"
    return False
