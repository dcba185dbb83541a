"""Recordings made for tests: a voice-like signal in every format, by PyAV alone."""

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

Samples = NDArray[np.int16]

# name of the file -> encoder; each is a format that people's recordings come in
FORMATS = {
    "a.mp3": "libmp3lame",
    "a.m4a": "aac",
    "a.aac": "aac",
    "a.flac": "flac",
    "a.ogg": "libopus",
    "a.opus": "libopus",
    "flac.oga": "flac",
    "a.webm": "libopus",
    "a.mp4": "aac",
    "a.mov": "aac",
}
WITH_PICTURE = (".mp4", ".mov")


def chirps(samples: int, rate_hz: int, channels: int = 1) -> Samples:
    """Int16 (samples, channels): bursts of a rising tone, so that any shift in time shows."""
    time_s = np.arange(samples) / rate_hz
    phase = 2 * np.pi * (200 * time_s + 150 * (time_s % 0.7) ** 2)
    sound = 0.4 * np.sin(phase) * np.sin(np.pi * (time_s % 0.7) / 0.7) ** 2
    sides = [sound * (1 - 0.6 * side) for side in range(channels)]
    return np.asarray(np.rint(np.stack(sides, 1) * 32767), np.int16)


def write_wav(path: Path, sound: Samples, rate_hz: int = 48_000) -> Path:
    """A 16-bit WAV of `sound`, (n, c)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(sound.astype("<i2").tobytes())
    return path


def read_wav(path: Path) -> Samples:
    """Every sample of a 16-bit WAV, (n, c)."""
    with wave.open(str(path), "rb") as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels()).astype(np.int16)


def encode(
    path: Path,
    sound: Samples,
    rate_hz: int = 48_000,
    encoder: str = "",
    muxer: dict[str, str] | None = None,
) -> Path:
    """`sound`, (n, c), in the format of the name; with a moving picture in an mp4 or mov."""
    layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
    form = {".aac": "adts", ".oga": "ogg"}.get(path.suffix)
    with av.open(str(path), "w", format=form, options=muxer or {}) as container:
        pictures = _picture_stream(container) if path.suffix in WITH_PICTURE else None
        stream: Any = container.add_stream(
            encoder or FORMATS[path.name], rate=rate_hz, layout=layout
        )
        stream.bit_rate = 128_000
        if pictures:
            _draw(container, pictures, len(sound) / rate_hz)
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "s16", layout)
        frame.sample_rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_mute_video(path: Path, seconds: float = 1.0) -> Path:
    """A video without a sound track."""
    with av.open(str(path), "w") as container:
        _draw(container, _picture_stream(container), seconds)
    return path


def _picture_stream(container: OutputContainer) -> VideoStream:
    stream: VideoStream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    return stream


def _draw(container: OutputContainer, stream: VideoStream, seconds: float) -> None:
    for grey in range(round(25 * seconds)):
        pixels = np.full((64, 64, 3), grey % 256, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
    container.mux(stream.encode(None))
