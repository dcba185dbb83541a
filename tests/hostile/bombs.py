"""Small files that ask for much: memory, time or disk. Each is made here, none is kept."""

import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.fuzz import STOPPED
from tests.hostile.seeds import SMALL, SOUND, encode_heic, encode_picture
from tests.media.test_recording_tracks import write_timed, write_tracks
from tests.support.picture_files import RGB, SIGNATURE, chunk, jpeg, linear_profile, png, webp
from tests.support.sounds import encode, write_wav

_UNPACKED_MIB = 60


@cache
def _pack_zeros() -> bytes:
    """A stream of zlib that unpacks to a thousand times its length."""
    packer = zlib.compressobj(9)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(_UNPACKED_MIB)) + packer.flush()


def _make_profile_bomb() -> bytes:
    return png(SMALL, RGB, chunk(b"iCCP", b"name\0\0" + _pack_zeros()))


def _make_text_bomb() -> bytes:
    text = chunk(b"zTXt", b"workflow\0\0" + _pack_zeros())
    return png(SMALL, RGB, *[text] * 20)


def _make_rows_bomb() -> bytes:
    """A tiny picture whose rows unpack to far more than it has."""
    header = struct.pack(">IIBBBBB", 48, 20, 8, RGB, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", _pack_zeros()), chunk(b"IEND", b"")
    return SIGNATURE + b"".join(parts)


def _make_huge_png() -> bytes:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", _pack_zeros()), chunk(b"IEND", b"")
    return SIGNATURE + b"".join(parts)


def _make_chunks_bomb() -> bytes:
    """As many chunks as bytes allow."""
    return png(SMALL, RGB, chunk(b"tEXt", b"") * 300_000)


def _make_segments_bomb() -> bytes:
    """As many segments as bytes allow, before the first scan."""
    data = jpeg(SMALL)
    return data[:2] + b"\xff\xe5\0\2" * 300_000 + data[2:]


def _make_scans_bomb() -> bytes:
    """A picture that is gone over a thousand times."""
    data = encode_picture(Image.new("L", (4000, 2500), 99), "JPEG", progressive=True, quality=5)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * 1000 + data[-2:]


def _make_wide_jpeg() -> bytes:
    data = bytearray(jpeg(SMALL))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def _make_wide_webp() -> bytes:
    data = bytearray(webp(SMALL))
    at = data.index(b"VP8L") + 9  # 14 bits of width less 1, then of height
    rest = struct.unpack_from("<I", data, at)[0] >> 28 << 28
    struct.pack_into("<I", data, at, rest | 9_999 << 14 | 9_999)
    return bytes(data)


def _make_wide_heic() -> bytes:
    data = encode_heic(SMALL)
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 20_000, 20_000) + data[at + 8 :]


def _make_wide_gif() -> bytes:
    data = bytearray(encode_picture(Image.fromarray(SMALL), "GIF"))
    data[6:10] = b"\xff\xff\xff\xff"
    return bytes(data)


def _make_frames_bomb() -> bytes:
    one, other = Image.fromarray(SMALL), Image.fromarray(255 - SMALL)
    return webp(SMALL, save_all=True, append_images=[other, one] * 200)


def _make_curve_bomb() -> bytes:
    """A profile whose tags say that they are as long as can be."""
    profile = linear_profile()
    return jpeg(SMALL, icc_profile=profile.replace(struct.pack(">I", 256), b"\x7f\xff\xff\xff"))


def _make_long_flac(path: Path) -> Path:
    """Eleven minutes of silence in some kilobytes."""
    return encode(path, np.zeros((11 * 60 * 4000, 1), np.int16), 4000, encoder="flac")


def _make_wide_wav(path: Path) -> Path:
    """A WAV of as many channels as can be said."""
    data = bytearray(write_wav(path, SOUND).read_bytes())
    struct.pack_into("<HIIH", data, 22, 0xFFFF, 48_000, 0xFFFF_FFFF, 0xFFFE)
    path.write_bytes(data)
    return path


def _make_slow_wav(path: Path) -> Path:
    """A sample a second: a minute of sound of each 120 bytes."""
    return write_wav(path, SOUND, rate_hz=1)


def _make_gaps_bomb(path: Path) -> Path:
    """A minute of packets, each after nearly ten minutes of nothing."""
    return write_timed(path, [number * 599.0 for number in range(60)])


def _make_tracks_bomb(path: Path) -> Path:
    """Silent tracks, each of which is listened to."""
    return write_tracks(path, [(np.zeros_like(SOUND), 0)] * 20)


def _make_tags_bomb(path: Path) -> Path:
    """An MP3 after as many tags as bytes allow."""
    encode(path, SOUND, encoder="libmp3lame")
    path.write_bytes(b"ID3\3\0\0\0\0\0\0" * 300_000 + path.read_bytes())
    return path


def _make_tiny_frames(path: Path) -> Path:
    """Hours of the shortest MP3 frames."""
    path.write_bytes((b"\xff\xe3\x18\xc4" + bytes(68)) * 30_000)
    return path


def _make_deep_boxes(path: Path) -> Path:
    """Boxes within boxes, as deep as the file is long."""
    encode(path, SOUND, encoder="aac")
    data = path.read_bytes()
    depth = 20_000
    boxes = (struct.pack(">I4s", 8 * (depth - n), b"moov") for n in range(depth))
    path.write_bytes(data[:28] + b"".join(boxes) + data[28:])
    return path


def _make_counts_bomb(path: Path) -> Path:
    """A table of four thousand million sizes that aren't there."""
    data = bytearray(encode(path, SOUND, encoder="aac").read_bytes())
    for name in (b"stsz", b"stsc", b"stco", b"stts"):
        at = data.index(name) + (12 if name == b"stsz" else 8)
        data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    return path


# The name of each, how it is made, and what becomes of it.
PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "huge.png": (_make_huge_png, "picture_too_large"),
    "profile.png": (_make_profile_bomb, "read"),
    "text.png": (_make_text_bomb, "read"),
    "rows.png": (_make_rows_bomb, "read"),
    "chunks.png": (_make_chunks_bomb, "read"),
    "segments.jpg": (_make_segments_bomb, "read"),
    "scans.jpg": (_make_scans_bomb, STOPPED),
    "wide.jpg": (_make_wide_jpeg, "picture_too_large"),
    "wide.webp": (_make_wide_webp, "picture_too_large"),
    "wide.heic": (_make_wide_heic, "not_a_picture"),
    "wide.gif": (_make_wide_gif, "not_a_picture"),
    "frames.webp": (_make_frames_bomb, "picture_moves"),
    "curve.jpg": (_make_curve_bomb, "read"),
}
RECORDINGS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "long.flac": (_make_long_flac, "too_long"),
    "wide.wav": (_make_wide_wav, "not_a_recording"),
    "slow.wav": (_make_slow_wav, "not_a_recording"),
    "gaps.webm": (_make_gaps_bomb, "too_long"),
    "tracks.mkv": (_make_tracks_bomb, "read"),
    "tags.mp3": (_make_tags_bomb, "read"),
    "frames.mp3": (_make_tiny_frames, "too_long"),
    "deep.m4a": (_make_deep_boxes, "not_a_recording"),
    "counts.m4a": (_make_counts_bomb, "recording_too_large"),
}
