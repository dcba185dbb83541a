"""Frame sizes: what is on offer is what the models were made for."""

import pytest

from presets.buckets import BUCKETS, select_bucket

TOKEN_PX = 16  # width and height of a token of the model


@pytest.mark.parametrize("size_class", BUCKETS)
def test_every_size_is_made_of_whole_tokens_and_has_about_its_ratio(size_class: str) -> None:
    for ratio, (height, width) in BUCKETS[size_class].items():
        assert height % TOKEN_PX == width % TOKEN_PX == 0
        assert height / width == pytest.approx(ratio, abs=0.06)


@pytest.mark.parametrize(
    ("size_class", "height", "width", "wanted"),
    [
        ("480", 1080, 1920, (448, 896)),  # the table has nothing nearer to 16:9
        ("480", 1920, 1080, (832, 448)),
        ("720", 1080, 1920, (704, 1280)),
        ("480", 10, 4000, (320, 1216)),
        ("480", 900, 400, (896, 448)),  # half-way between two: the first
    ],
)
def test_a_picture_gets_the_nearest_ratios_size(
    size_class: str, height: int, width: int, wanted: tuple[int, int]
) -> None:
    assert select_bucket(size_class, height, width) == wanted
