"""Files that a person might give by mistake or malice, each with the code of its sentence."""

import shutil
import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tests.support.media import ASTRONAUT, VOICE_A


def write_wav(path: Path, seconds: float, level: float, silence_s: float = 0) -> Path:
    """White noise of RMS `level` (1 is full scale), then silence, at 48 kHz."""
    noise = np.random.default_rng(1).normal(0, level * 32767, round(48_000 * seconds))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(noise.clip(-32768, 32767).astype("<i2").tobytes())
        file.writeframes(bytes(2 * round(48_000 * silence_s)))
    return path


def write_text(path: Path) -> Path:
    path.write_text("This is no picture.")
    return path


def write_empty(path: Path) -> Path:
    path.touch()
    return path


def write_cut(source: Path) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
        return path

    return write


def write_cut_mp3(path: Path) -> Path:
    whole = path.with_name("whole.mp3")
    with av.open(str(VOICE_A)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream("mp3", rate=24_000, layout="mono")
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()
    return path


def write_huge_png(path: Path) -> Path:
    """A 30,000 x 30,000 PNG of a few kilobytes, as bombs are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(3751)) for _ in range(30_000)) + packer.flush()
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def write_moving(path: Path) -> Path:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


def write_svg(path: Path) -> Path:
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    return path


def write_plain(path: Path) -> Path:
    Image.new("RGB", (640, 480), "steelblue").save(path)
    return path


def write_mute_video(path: Path) -> Path:
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(25):
            grey = np.full((64, 64, 3), 128, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        target.mux(stream.encode(None))
    return path


def missing(path: Path) -> Path:
    return path


BAD_PICTURES: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "empty": ("a.png", write_empty, "empty_file"),
    "text": ("a.jpg", write_text, "not_a_picture"),
    "cut": ("a.png", write_cut(ASTRONAUT), "not_a_picture"),
    "bomb": ("a.png", write_huge_png, "picture_too_large"),
    "moving": ("a.gif", write_moving, "picture_moves"),
    "svg": ("a.svg", write_svg, "not_a_picture"),
    "faceless": ("a.png", write_plain, "no_face"),
    "missing": ("a.png", missing, "not_found"),
    "a recording": ("a.png", lambda path: Path(shutil.copy(VOICE_A, path)), "not_a_picture"),
}
BAD_RECORDINGS: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "empty": ("a.wav", write_empty, "empty_file"),
    "text": ("a.mp3", write_text, "not_a_recording"),
    "cut": ("a.mp3", write_cut_mp3, "not_a_recording"),
    "mute video": ("a.mp4", write_mute_video, "no_sound"),
    "too short": ("a.wav", lambda path: write_wav(path, 0.2, 0.1), "too_short"),
    "silent": ("a.wav", lambda path: write_wav(path, 2, 0), "silent"),
    "too long": ("a.wav", lambda path: write_wav(path, 130, 0.1), "too_long"),
    "missing": ("a.wav", missing, "not_found"),
    "a picture": ("a.wav", lambda path: Path(shutil.copy(ASTRONAUT, path)), "not_a_recording"),
}
