"""Inputs to start with, one click each. Their files lie in `media/`; all may be shipped."""

from dataclasses import dataclass
from pathlib import Path

MEDIA = Path(__file__).parent / "media"


@dataclass(frozen=True)
class Example:
    """A picture and the recordings of whom it shows, left to right, by their file names.

    `speaking` is "in-turn" or "together"; `seconds` is the length of all that is said.
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
