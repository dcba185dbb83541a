"""Speakers' masks: the original's, worked out from positions alone; never unusable ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.multitalk.buckets import BUCKETS, bucket
from inference.multitalk.picture import (
    Box,
    covered,
    halves,
    latent_masks,
    speaker_masks,
    token_masks,
)
from inference.request import Shape
from tests.plain import masks as plain

SIDES = st.integers(20, 300)
FRAMES = st.integers(2, 8).map(lambda n: 16 * n)
WHOLE: Box = (0, 0, 896, 448)


@st.composite
def boxes(draw: st.DrawFn, width: int, height: int) -> Box:
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return left, top, draw(st.integers(left, width)), draw(st.integers(top, height))


@settings(deadline=None)
@given(SIDES, SIDES, FRAMES, FRAMES, st.data())
def test_they_are_those_of_image_sized_masks(
    width: int, height: int, frame_width: int, frame_height: int, data: st.DataObject
) -> None:
    people = [data.draw(boxes(width, height)) for _ in range(2)]
    masks = latent_masks(people, (width, height), (frame_width, frame_height))
    by_rows = [[int(v) for v in (top, left, bottom, right)] for left, top, right, bottom in people]
    expected = plain.latent_masks(by_rows, height, width, frame_height, frame_width)
    assert np.array_equal(masks, expected.numpy() > 0)
    assert torch.equal(token_masks(masks), plain.token_masks(expected).float())


@settings(deadline=None)
@given(SIDES, SIDES, FRAMES, FRAMES)
def test_so_are_the_halves(width: int, height: int, frame_width: int, frame_height: int) -> None:
    masks = latent_masks(halves(width, height), (width, height), (frame_width, frame_height))
    expected = plain.latent_masks(None, height, width, frame_height, frame_width)
    assert np.array_equal(masks, expected.numpy() > 0)


def usable(masks: torch.Tensor) -> bool:
    first, second, neither = masks.bool()
    return bool((first & ~second).any() and (second & ~first).any() and neither.any())


def test_boxes_that_tell_two_people_apart_are_kept() -> None:
    people: list[Box] = [(100, 50, 300, 300), (500, 60, 700, 320)]
    masks = speaker_masks(people, 896, 448)
    assert torch.equal(masks, token_masks(latent_masks(people, (896, 448), (896, 448))))
    assert usable(masks) and masks.shape == (3, 28 * 56)


@pytest.mark.parametrize(
    "people",
    [
        [WHOLE, WHOLE],
        [WHOLE, (100, 100, 200, 200)],
        [(0, 0, 448, 448), (448, 0, 896, 448)],
        [(100, 100, 200, 200), (100, 100, 200, 200)],
        [(100, 100, 100, 100), (300, 100, 400, 200)],
        [(-90, -80, -5, -5), (900, 0, 990, 100)],
        [(101, 101, 103, 103), (300, 100, 400, 200)],
    ],
)
def test_boxes_that_would_break_the_model_become_the_halves(people: list[Box]) -> None:
    masks = speaker_masks(people, 896, 448)
    assert usable(masks)
    assert torch.equal(masks, speaker_masks(halves(896, 448), 896, 448))


@given(st.data(), st.sampled_from(Shape))
def test_no_boxes_at_all_break_it(data: st.DataObject, shape: Shape) -> None:
    edge = st.floats(-1000, 2000)
    people: list[Box] = [(*[data.draw(edge) for _ in range(4)],) for _ in range(2)]  # type: ignore[misc]
    assert usable(speaker_masks(people, shape.width, shape.height))


def test_a_picture_of_the_frames_size_is_taken_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    out = covered(Image.fromarray(pixels), 128, 64)
    assert np.array_equal(np.rint((out.permute(1, 2, 0).numpy() + 1) * 127.5), pixels)
    assert out.min() >= -1 and out.max() <= 1


def test_the_shapes_on_offer_are_the_models_own() -> None:
    for shape in Shape:
        assert bucket("480", shape.height, shape.width) == (shape.height, shape.width)
    for size_class, budget in (("480", 640 * 640), ("720", 960 * 960)):
        areas = [height * width for height, width in BUCKETS[size_class].values()]
        assert all(0.85 * budget < area < 1.15 * budget for area in areas)
