"""Desks as tests need them, without any file behind them."""

from dataclasses import replace

from inference.core.inputs import Box, Face, Picture, Recording
from ui.session.session import Session, StoredPicture, StoredVoice

LEFT = Face(Box(200, 150, 320, 300), 0.9)
RIGHT = Face(Box(680, 160, 790, 300), 0.9)
THIRD = Face(Box(450, 100, 520, 190), 0.9)


def recording(seconds: float = 4.0, peak_dbfs: float = -3.0) -> Recording:
    return Recording(round(48_000 * seconds), 1, peak_dbfs, peak_dbfs - 20)


def voice(name: str = "hello.wav", seconds: float = 4.0) -> StoredVoice:
    return StoredVoice(name, f"voice-{name}", recording(seconds), (0.5, 1.0))


def picture(*faces: Face) -> StoredPicture:
    return StoredPicture("us.jpg", "picture.png", "picture.jpg", Picture(1000, 500, faces))


def desk(*faces: Face, voices: int = 1) -> Session:
    """A desk with a picture of those faces and as many recordings, of 4 and of 5 s."""
    first, second = voice("one.wav", 4.0), voice("two.wav", 5.0)
    given = (first if voices else None, second if voices == 2 else None)
    return replace(Session(picture=picture(*faces)), voices=given)
