"""Who is where in the frame: as MultiTalk finds it, but never so that the model breaks."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from inference.core.inputs import FRAME_SIZES
from inference.multitalk.conditioning.picture import (
    Box,
    build_latent_masks,
    build_speaker_masks,
    scale_to_cover,
    split_into_halves,
    to_token_masks,
)
from tests.support.media import ASTRONAUT
from tests.support.plain import masks as plain

EXTENTS = st.integers(1, 200)  # of a source picture
FRAMES = st.tuples(*[st.integers(2, 12).map(lambda n: 16 * n)] * 2)
SIZES = [(64, 32), *((frame.width, frame.height) for frame in FRAME_SIZES.values()), (384, 1088)]


@st.composite
def sources(draw: st.DrawFn) -> tuple[int, int, list[tuple[int, int, int, int]]]:
    """Width and height of a picture and two boxes in it, maybe empty: left, top, right, bottom."""
    width, height = draw(EXTENTS), draw(EXTENTS)
    edges = st.tuples(*map(st.integers, (0,) * 4, (width, height) * 2))
    return width, height, draw(st.lists(edges, min_size=2, max_size=2))


@settings(deadline=None)
@given(sources(), FRAMES)
def test_latents_and_tokens_show_who_they_show_in_masks_as_large_as_the_picture(
    source: tuple[int, int, list[tuple[int, int, int, int]]], frame: tuple[int, int]
) -> None:
    source_width, source_height, boxes = source
    width, height = frame
    rows_first = [(top, left, bottom, right) for left, top, right, bottom in boxes]
    wanted = plain.latent_masks(rows_first, source_height, source_width, height, width)
    ours = build_latent_masks(boxes, (source_width, source_height), frame)
    assert torch.from_numpy(ours).float().equal(wanted)
    assert to_token_masks(ours).equal(plain.token_masks(wanted))


@settings(deadline=None)
@given(st.integers(2, 400), st.integers(2, 400), FRAMES)
def test_halves_leave_the_same_margins(
    source_width: int, source_height: int, frame: tuple[int, int]
) -> None:
    wanted = plain.latent_masks(None, source_height, source_width, frame[1], frame[0])
    ours = build_latent_masks(
        split_into_halves(source_width, source_height), (source_width, source_height), frame
    )
    assert torch.from_numpy(ours).float().equal(wanted)


def test_a_huge_picture_needs_no_array_of_its_size() -> None:
    tracemalloc.start()
    masks = build_latent_masks(
        [(0, 0, 4e5, 5e5), (5e5, 0, 1e6, 5e5)], (1_000_000, 500_000), (896, 448)
    )
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert masks.shape == (3, 56, 112) and masks.any((1, 2)).all()
    assert peak_bytes < 1_000_000


def in_frame(boxes: list[Box], width: int, height: int) -> Tensor:
    """The masks of boxes taken as they are."""
    return to_token_masks(build_latent_masks(boxes, (width, height), (width, height)))


def check_everyone_has_tokens(masks: Tensor, width: int, height: int) -> None:
    assert masks.shape == (3, width * height // 256) and masks.dtype is torch.float32
    first, second, neither = masks.bool()
    assert first.any() and second.any() and not (first & second).any()
    assert neither.float().mean() >= 0.05
    assert neither.equal(~(first | second))


def grid(mask: Tensor, width: int = 896) -> Tensor:
    """A mask as rows and columns of tokens, which are 16 pixels wide and high."""
    return mask.view(-1, width // 16).bool()


def test_a_speaker_is_the_whole_person_from_the_hair_to_the_frames_bottom() -> None:
    masks = build_speaker_masks([(160, 160, 240, 260), (640, 96, 720, 196)], 896, 448)
    check_everyone_has_tokens(masks, 896, 448)
    first, second = grid(masks[0]), grid(masks[1])
    for mask, left, top in ((first, 80, 90), (second, 560, 26)):
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        assert (rows[0] - 1) * 16 < top <= rows[0] * 16 and rows[-1] == 27
        assert columns[0] == left // 16 and len(columns) == 3 * 80 // 16
        assert mask.sum() == len(rows) * len(columns)


def test_neighbours_end_in_the_middle_between_their_faces() -> None:
    first, second, _ = build_speaker_masks([(300, 100, 400, 240), (420, 90, 520, 230)], 896, 448)
    assert not (first * second).any()
    assert grid(first).any(0).nonzero()[-1] == 25 and grid(second).any(0).nonzero()[0] == 26


def test_the_first_speaker_may_be_on_the_right() -> None:
    faces: list[Box] = [(300, 100, 400, 240), (520, 90, 620, 230)]
    masks = build_speaker_masks(faces, 896, 448)
    assert build_speaker_masks(faces[::-1], 896, 448).equal(masks[[1, 0, 2]])


def test_people_who_fill_the_frame_are_narrower_so_that_something_is_nobody() -> None:
    masks = build_speaker_masks([(150, 20, 330, 240), (460, 10, 640, 230)], 800, 448)
    check_everyone_has_tokens(masks, 800, 448)
    for mask, centre in zip(masks, (240, 550), strict=False):
        assert grid(mask, 800)[14, centre // 16] and 180 < 16 * mask.view(28, 50)[14].sum() < 540


@pytest.mark.parametrize(
    "faces",
    [
        [],
        [(100, 60, 300, 400), (100, 60, 300, 400)],  # the same
        [(100, 60, 300, 260), (110, 300, 310, 440)],  # one above the other
        [(0, 0, 448, 448), (448, 0, 896, 448)],  # together they cover everything
        [(100, 60, 100, 60), (500, 90, 700, 420)],  # empty
        [(100, 60, 200, 200), (1900, 90, 2000, 420)],  # outside
    ],
)
def test_for_faces_that_do_not_tell_two_people_apart_the_halves_stand_in(faces: list[Box]) -> None:
    masks = build_speaker_masks(faces, 896, 448)
    assert masks.equal(in_frame(list(split_into_halves(896, 448)), 896, 448))
    check_everyone_has_tokens(masks, 896, 448)


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-200, 1100)] * 4), min_size=2, max_size=2),
    st.sampled_from(SIZES),
)
def test_no_faces_leave_someone_without_tokens_or_hardly_any_to_nobody(
    boxes: list[Box], size: tuple[int, int]
) -> None:
    check_everyone_has_tokens(build_speaker_masks(boxes, *size), *size)


def test_in_the_halves_the_first_speaker_is_on_the_left() -> None:
    first, second, _ = in_frame(list(split_into_halves(896, 448)), 896, 448).view(3, 28, 56).bool()
    assert not first[:, 28:].any() and not second[:, :28].any()
    assert first.sum() == second.sum() == 25 * 25


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def test_a_picture_of_the_frames_size_is_the_frame() -> None:
    image = noise(64, 32)
    shown = scale_to_cover(image, 64, 32)
    assert shown.shape == (3, 32, 64) and shown.dtype is torch.float32
    pixels = (shown.permute(1, 2, 0) + 1) * 127.5
    np.testing.assert_allclose(pixels, np.asarray(image), atol=1e-4)


def test_black_and_white_are_the_ends_of_the_models_range() -> None:
    ends = [scale_to_cover(Image.new("RGB", (9, 9), name), 64, 32) for name in ("black", "white")]
    assert ends[0].eq(-1).all() and ends[1].eq(1).all()


@pytest.mark.parametrize(("width", "height"), [(64, 32), (32, 64), (48, 48)])
def test_the_middle_of_another_picture_fills_the_frame(width: int, height: int) -> None:
    with Image.open(ASTRONAUT) as opened:
        image = opened.convert("RGB")  # 512x512
    shown = scale_to_cover(image, width, height)
    assert shown.shape == (3, height, width)
    across, down = 512 * width // max(width, height), 512 * height // max(width, height)
    left, top = (512 - across) // 2, (512 - down) // 2
    middle = image.crop((left, top, left + across, top + down)).resize((width, height))
    assert (shown - scale_to_cover(middle, width, height)).abs().mean() < 0.03
