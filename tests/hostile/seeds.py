"""Small whole files of every kind that is accepted, to be damaged."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from tests.media.test_recording_kinds import write_any_wav
from tests.support.picture_files import (
    COLOURS,
    GREY,
    PALETTE,
    RGB,
    RGB_ALPHA,
    chrm,
    chunk,
    gama,
    iccp,
    interlaced_png,
    jpeg,
    linear_profile,
    png,
    webp,
    with_nclx,
)
from tests.support.sounds import FORMATS, chirps, encode, write_wav
from tests.ui.api.test_form import FORM

SMALL = COLOURS[:20]  # too low for a face, the search for which takes longer than all else
SOUND = chirps(14_400, 48_000)  # 0.3 s
_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
_TABLE = b'image,audio,name,seed,prompt\na.png,a.wav,one,7,"A quiet, dark room"\nb.png,b.wav,,,\n'


def write_seeds(folder: Path) -> dict[str, bytes]:
    """Return the files by their names; `folder` is for making them."""
    return _make_pictures() | _make_recordings(folder) | {"table.csv": _TABLE, "form.form": FORM}


def _make_pictures() -> dict[str, bytes]:
    colours = {"icc_profile": linear_profile()}
    deep = SMALL.astype(np.uint16) * 257
    palette = chunk(b"PLTE", bytes(range(256)) * 3), chunk(b"tRNS", bytes(64))
    told = gama(0.45), chrm(9), chunk(b"cICP", b"\x09\x10\0\1"), chunk(b"eXIf", _EXIF[6:])
    alpha = np.dstack((SMALL, SMALL[..., 0]))
    heic = encode_heic(SMALL)
    return {
        "plain.jpg": jpeg(SMALL),
        "told.jpg": jpeg(SMALL, **colours, exif=_EXIF),
        "waves.jpg": jpeg(SMALL, progressive=True, restart_marker_rows=1, subsampling=2),
        "ink.jpg": encode_picture(Image.fromarray(SMALL).convert("CMYK"), "JPEG"),
        "endless.jpg": jpeg(SMALL)[:-2],
        "plain.png": png(SMALL, RGB, iccp(linear_profile())),
        "told.png": png(SMALL, RGB, *told),
        "palette.png": png(SMALL[..., 0] % 16, PALETTE, *palette, depth=4),
        "deep.png": png(deep, RGB, chunk(b"tRNS", bytes(6))),
        "grey.png": png(deep[..., 0], GREY, chunk(b"tRNS", bytes(2))),
        "woven.png": interlaced_png(alpha, RGB_ALPHA),
        "moving.png": png(SMALL, RGB, chunk(b"acTL", struct.pack(">II", 2, 0))),
        "packed.png": png(SMALL, RGB, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(9999)))),
        "whole.webp": webp(SMALL, **colours, exif=_EXIF),
        "alpha.webp": encode_picture(Image.fromarray(alpha), "WEBP", quality=30),
        "moving.webp": webp(SMALL, save_all=True, append_images=[Image.fromarray(255 - SMALL)]),
        "a.gif": encode_picture(Image.fromarray(SMALL), "GIF"),
        "plain.heic": heic,
        "alpha.heic": encode_heic(alpha),
        "told.heic": with_nclx(heic, 12, 16),
    }


def encode_picture(picture: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def encode_heic(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(file)
    return file.getvalue()


def _make_recordings(folder: Path) -> dict[str, bytes]:
    floats = (SOUND / 32768).astype("<f4")
    many = np.repeat(SOUND, 6, axis=1)
    writers: dict[str, Callable[[Path], Path]] = {
        "plain.wav": lambda path: write_wav(path, SOUND),
        "float.wav": lambda path: write_any_wav(path, floats * 2),
        "six.wav": lambda path: write_any_wav(path, many, positions=0x3F),
        "long.wav": lambda path: write_any_wav(path, SOUND, long=-1),
        "tagged.mp3": lambda path: _write_with(path, "libmp3lame", "mono", {"id3v2_version": "3"}),
        "vorbis.ogg": lambda path: _write_with(path, "vorbis", "stereo", {}),
    }
    encoded: dict[str, tuple[str, dict[str, str]]] = {
        **{name: ("", {}) for name in FORMATS},
        "first.m4a": ("aac", {"movflags": "+faststart"}),
        "pieces.mp4": ("aac", {"movflags": "frag_keyframe+empty_moov"}),
        "plain.mov": ("pcm_s16le", {}),
        "alac.m4a": ("alac", {}),
        "live.webm": ("libopus", {"live": "1"}),
        "a.mkv": ("flac", {}),
    }
    made = {name: write(folder / name).read_bytes() for name, write in writers.items()}
    for name, (encoder, muxer) in encoded.items():
        made[name] = encode(folder / name, SOUND, encoder=encoder, muxer=muxer).read_bytes()
    return made


def _write_with(path: Path, encoder: str, layout: str, muxer: dict[str, str]) -> Path:
    """A recording with a title."""
    with av.open(str(path), "w", options=muxer) as container:
        container.metadata["title"] = "A voice"
        options = {"strict": "experimental"}
        stream: Any = container.add_stream(encoder, rate=48_000, layout=layout, options=options)
        frame = av.AudioFrame.from_ndarray(SOUND.reshape(1, -1), "s16", "mono")
        frame.sample_rate = 48_000
        to_shape = av.AudioResampler(stream.format.name, layout, 48_000, stream.frame_size)
        for shaped in [*to_shape.resample(frame), *to_shape.resample(None)]:
            container.mux(stream.encode(shaped))
        container.mux(stream.encode(None))
    return path
