"""Example inputs of the page, with files in `media/`, all of which may be redistributed."""

from dataclasses import dataclass
from pathlib import Path

MEDIA = Path(__file__).parent / "media"


@dataclass(frozen=True)
class Example:
    """Picture and recordings by file name, in the order of the faces from left to right.

    `speaking` is "in-turn" or "together"; `duration_s` is that of the resulting video.
    """

    name: str
    title: str
    picture: str
    voices: tuple[str, ...]
    duration_s: float
    speaking: str = "in-turn"


EXAMPLES: dict[str, Example] = {
    example.name: example
    for example in (
        Example("astronaut", "Astronaut", "astronaut.png", ("voice_a.wav",), 7.75),
        Example("pair", "Drawn pair", "drawn_pair.png", ("voice_a.wav", "voice_b.wav"), 13.55),
        Example("portrait", "Drawn portrait", "drawn_one.png", ("voice_b.wav",), 5.8),
    )
}
