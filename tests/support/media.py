"""The media that ships with the project, and what tests do with it."""

import socket
import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
MEDIA = ROOT / "presets" / "media"
ASTRONAUT = MEDIA / "astronaut.png"  # one smiling face, 512x512
DRAWN_ONE = MEDIA / "drawn_one.png"
DRAWN_PAIR = MEDIA / "drawn_pair.png"  # two faces, one mouth open and one shut
VOICE_A = MEDIA / "voice_a.wav"  # 7.75 s
VOICE_B = MEDIA / "voice_b.wav"  # 5.8 s


def decoded(video: Path) -> list[NDArray[np.uint8]]:
    """Every frame of `video`, RGB uint8 (height, width, 3)."""
    with av.open(str(video)) as file:
        return [f.to_ndarray(format="rgb24").astype(np.uint8) for f in file.decode(video=0)]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spoken(target: Path, seconds: float, voice: Path = VOICE_A) -> Path:
    """The first seconds of a recording."""
    with wave.open(str(voice)) as whole, wave.open(str(target), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(round(seconds * whole.getframerate())))
    return target


def read_boxes(video: Path) -> list[bytes]:
    """The outermost boxes of an mp4, whole."""
    data, boxes = video.read_bytes(), []
    while data:
        size = int.from_bytes(data[:4], "big")
        boxes.append(data[:size])
        data = data[size:]
    return boxes


def read_unsigned(video: Path) -> list[bytes]:
    """The boxes of an mp4 but for its content credentials, which differ each time."""
    credentials = b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    return [box for box in read_boxes(video) if box[4:24] != credentials]
