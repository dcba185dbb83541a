"""Frame sizes: what is on offer is what the models were made for."""

import pytest

from inference.core.buckets import BUCKETS, select_bucket
from inference.core.framing import Crop, fit_crop, map_box_to_frame, measure_frame
from inference.core.inputs import FRAME_SIZES, Box, FrameSize, Picture, Shape

TOKEN_PX = 16  # width and height of a token of the model


@pytest.mark.parametrize("shape", [Shape.LANDSCAPE, Shape.PORTRAIT, Shape.SQUARE])
def test_the_shapes_of_before_are_the_models_own_for_their_ratio(shape: Shape) -> None:
    frame = FRAME_SIZES[shape]
    assert select_bucket("480", frame.height, frame.width) == (frame.height, frame.width)


def test_the_two_named_by_ratio_are_the_base_models_own() -> None:
    assert measure_frame(Shape("16:9"), Picture(10, 10)) == FrameSize(832, 480)
    assert measure_frame(Shape("9:16"), Picture(10, 10)) == FrameSize(480, 832)
    assert all(f.width % TOKEN_PX == f.height % TOKEN_PX == 0 for f in FRAME_SIZES.values())


@pytest.mark.parametrize(("height", "width"), BUCKETS["480"].values())
def test_a_picture_of_one_of_the_models_sizes_is_used_whole(height: int, width: int) -> None:
    picture = Picture(3 * width, 3 * height)
    assert measure_frame(Shape.PICTURE, picture) == FrameSize(width, height)
    crop = fit_crop(picture, (), Shape.PICTURE)
    assert crop == Crop(0, 0, 3 * width, 3 * height, extended=False)
    corner = map_box_to_frame(Box(3, 3, 3 * width, 3 * height), crop, FrameSize(width, height))
    assert corner == (1, 1, width, height)
    on_its_side = measure_frame(Shape.PICTURE, Picture(picture.height, picture.width))
    assert (on_its_side.width > on_its_side.height) == (width < height)


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
