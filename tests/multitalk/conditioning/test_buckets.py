"""Frame sizes: what is on offer is what the model was made for."""

import pytest

from inference.core.inputs import Shape
from inference.multitalk.conditioning.buckets import BUCKETS, select_bucket
from inference.multitalk.conditioning.picture import LATENT_PX, TOKEN_LATENTS


@pytest.mark.parametrize("shape", Shape)
def test_every_shape_on_offer_is_the_models_own_for_its_ratio(shape: Shape) -> None:
    size = (shape.height, shape.width)
    assert size in BUCKETS["480"].values()
    assert select_bucket("480", shape.height, shape.width) == size


@pytest.mark.parametrize("size_class", BUCKETS)
def test_every_size_is_made_of_whole_tokens_and_has_about_its_ratio(size_class: str) -> None:
    for ratio, (height, width) in BUCKETS[size_class].items():
        token_px = LATENT_PX * TOKEN_LATENTS
        assert height % token_px == width % token_px == 0
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
