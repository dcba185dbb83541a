"""The examples are there, whole, and as long as they say."""

import wave

import pytest
from PIL import Image

from inference.core.inputs import Speaking
from presets.examples import EXAMPLES, MEDIA, Example
from ui.media.page_files import STATIC

every_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())


def seconds(name: str) -> float:
    with wave.open(str(MEDIA / name)) as sound:
        return float(sound.getnframes() / sound.getframerate())


@every_example
def test_its_files_are_there_and_as_long_as_it_says(example: Example) -> None:
    assert (MEDIA / example.picture).is_file()
    lengths = [seconds(name) for name in example.voices]
    in_turn = Speaking(example.speaking) is Speaking.IN_TURN
    joined = sum(lengths) if in_turn else max(lengths)
    assert example.duration_s == pytest.approx(joined, abs=0.05)


@every_example
def test_its_thumbnail_has_the_shape_of_the_frame(example: Example) -> None:
    with Image.open(STATIC / "examples" / f"{example.name}.webp") as picture:
        assert picture.width == 2 * picture.height


def test_names_are_those_they_are_found_by() -> None:
    assert all(name == example.name for name, example in EXAMPLES.items())
