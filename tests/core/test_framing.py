"""The crop: exact ratio, whole heads, and soft edges only where nothing else fits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.core.errors import InputError
from inference.core.framing import (
    EXTENDED_PADDING,
    IDEAL_PADDING,
    TIGHT_PADDING,
    Crop,
    Padding,
    fit_crop,
    map_box_to_frame,
    measure_frame,
)
from inference.core.inputs import FRAME_SIZES, Box, CropChoice, Face, FrameSize, Picture, Shape
from presets.buckets import BUCKETS, select_bucket

shapes = st.sampled_from(Shape)
TOKEN_PX = 16  # width and height of a token of the model


def face(left: float, top: float, width: float, height: float) -> Face:
    return Face(Box(left, top, left + width, top + height), 0.9)


@st.composite
def pictures(draw: st.DrawFn, largest: float = 0.8) -> Picture:
    """Pictures with up to three faces, none above `largest` of its width and height."""
    width, height = draw(st.integers(64, 6000)), draw(st.integers(64, 6000))
    faces = []
    for _ in range(draw(st.integers(0, 3))):
        face_width = draw(st.floats(8, max(8, width * largest)))
        face_height = draw(st.floats(8, max(8, height * largest)))
        left = draw(st.floats(0, width - face_width))
        faces.append(face(left, draw(st.floats(0, height - face_height)), face_width, face_height))
    return Picture(width, height, tuple(faces))


def holds(crop: Crop, picture: Picture, room: Padding) -> bool:
    """Whether every face lies in the crop with its room, as far as the picture reaches."""
    return all(
        crop.left <= max(0, f.box.left - room.side * f.box.width)
        and crop.top <= max(0, f.box.top - room.above * f.box.height)
        and crop.left + crop.width >= min(picture.width, f.box.right + room.side * f.box.width)
        and crop.top + crop.height >= min(picture.height, f.box.bottom + room.below * f.box.height)
        for f in picture.faces
    )


@given(pictures(), shapes)
def test_every_head_is_whole_and_the_ratio_exact(picture: Picture, shape: Shape) -> None:
    crop = fit_crop(picture, picture.faces, shape)
    frame = measure_frame(shape, picture)
    assert crop.width * frame.height == crop.height * frame.width
    assert holds(crop, picture, TIGHT_PADDING)


@given(pictures(), shapes)
def test_the_picture_is_extended_only_when_the_faces_do_not_fit(
    picture: Picture, shape: Shape
) -> None:
    crop = fit_crop(picture, picture.faces, shape)
    inside = (
        crop.left >= 0
        and crop.top >= 0
        and crop.left + crop.width <= picture.width
        and crop.top + crop.height <= picture.height
    )
    assert crop.extended is not inside
    if not picture.faces:
        assert inside


@given(pictures(largest=0.2), shapes)
def test_a_covering_crop_that_can_hold_the_ideal_room_does(picture: Picture, shape: Shape) -> None:
    cover = fit_crop(picture, (), shape)
    lefts = {0, cover.left, picture.width - cover.width}
    tops = {0, cover.top, picture.height - cover.height}
    moved = [replace(cover, left=left, top=top) for left in lefts for top in tops]
    if any(holds(crop, picture, IDEAL_PADDING) for crop in moved):
        assert holds(fit_crop(picture, picture.faces, shape), picture, IDEAL_PADDING)


def test_without_faces_the_middle_is_covered() -> None:
    picture = Picture(2366, 1318)
    assert fit_crop(picture, (), Shape.LANDSCAPE) == Crop(0, 67, 2366, 1183, False)


def test_the_window_slides_no_further_than_it_must() -> None:
    # the face with its room ends at 70 + 0.35 * 100 below; the window is 500 high
    picture = Picture(1000, 1000, (face(450, 100, 100, 100),))
    crop = fit_crop(picture, picture.faces, Shape.LANDSCAPE)
    assert crop == Crop(0, 55, 1000, 500, False)  # 100 - 0.45 * 100


def test_a_selfie_keeps_its_whole_head_by_reaching_past_the_sides() -> None:
    picture = Picture(1200, 1600, (face(300, 300, 600, 720),))
    crop = fit_crop(picture, picture.faces, Shape.LANDSCAPE)
    assert crop.extended and crop.left < 0 and crop.left + crop.width > 1200
    assert crop.top >= 0 and crop.top + crop.height <= 1600
    assert holds(crop, picture, EXTENDED_PADDING)  # hair included
    assert not fit_crop(picture, picture.faces, Shape.PORTRAIT).extended


def test_two_people_are_both_kept() -> None:
    picture = Picture(3000, 1000, (face(100, 300, 200, 250), face(2500, 350, 200, 250)))
    assert holds(fit_crop(picture, picture.faces, Shape.LANDSCAPE), picture, TIGHT_PADDING)


def test_a_chosen_crop_is_taken_as_it_is() -> None:
    choice = CropChoice(-40, 10, 800)
    assert fit_crop(Picture(700, 500), (), Shape.LANDSCAPE, choice) == Crop(-40, 10, 800, 400, True)


@pytest.mark.parametrize("choice", [CropChoice(700, 0, 100), CropChoice(0, 0, 0)])
def test_a_crop_that_shows_nothing_is_refused(choice: CropChoice) -> None:
    with pytest.raises(InputError, match="700x500"):
        fit_crop(Picture(700, 500), (), Shape.LANDSCAPE, choice)


def test_boxes_land_in_pixels_of_the_finished_frame_and_stay_inside() -> None:
    crop = Crop(100, 50, 1792, 896, False)
    frame = FrameSize(896, 448)
    assert map_box_to_frame(Box(300, 250, 500, 450), crop, frame) == (100, 100, 200, 200)
    assert map_box_to_frame(Box(0, 0, 5000, 5000), crop, frame) == (0, 0, 896, 448)


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
