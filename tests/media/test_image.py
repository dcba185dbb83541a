"""The finished frame shows exactly the crop, and goes on softly where the picture ends."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from inference.core.framing import Crop, PictureSize
from inference.media.image import render_crop
from tests.support.media import ASTRONAUT

SIZE = PictureSize(512, 512)  # the astronaut's
SEAM_PX = 12  # near the edge the continuation is still nearly sharp


def astronaut() -> NDArray[np.int16]:
    return np.asarray(Image.open(ASTRONAUT).convert("RGB"), np.int16)


def roughness(frame: NDArray[np.uint8], axis: int = 1) -> NDArray[np.float64]:
    """Mean difference of each column (axis 1) or row (axis 0) from the one before."""
    steps = np.abs(np.diff(frame.astype(np.float64), axis=axis))
    return np.asarray(steps.mean((1 - axis, 2)), np.float64)


def test_a_crop_of_the_same_size_is_the_pictures_own_pixels() -> None:
    frame = render_crop(ASTRONAUT, SIZE, Crop(100, 40, 320, 160, False), 320, 160)
    assert frame.shape == (160, 320, 3) and frame.dtype == np.uint8
    assert np.array_equal(frame, astronaut()[40:200, 100:420])


def test_it_is_scaled_to_the_frame() -> None:
    frame = render_crop(ASTRONAUT, SIZE, Crop(0, 40, 512, 256, False), 896, 448)
    assert frame.shape == (448, 896, 3)
    small = np.asarray(Image.fromarray(frame).resize((512, 256)), np.int16)
    assert np.abs(small - astronaut()[40:296]).mean() < 2


def test_a_smaller_clean_copy_shows_the_same_part(tmp_path: Path) -> None:
    crop = Crop(531, 207, 1498, 749, False)
    size = PictureSize(2500, 2000)
    with Image.open(ASTRONAUT) as picture:
        picture.convert("RGB").resize((2500, 2000)).save(tmp_path / "a.png", compress_level=1)
        picture.convert("RGB").resize((1250, 1000)).save(tmp_path / "b.png")
    frames = [
        render_crop(tmp_path / name, size, crop, 896, 448).astype(np.int16)
        for name in ("a.png", "b.png")
    ]
    assert np.abs(frames[0] - frames[1]).mean() < 1.5


def test_past_the_edges_the_picture_goes_on_softly() -> None:
    crop = Crop(-256, 0, 1024, 512, True)
    frame = render_crop(ASTRONAUT, SIZE, crop, 1024, 512)
    assert np.array_equal(frame[:, 256:768], astronaut())
    steps = roughness(frame)
    usual = np.median(steps[260:760])
    assert max(steps[253:258].max(), steps[765:770].max()) < 2 * usual  # no hard seam
    assert max(steps[: 256 - 100].max(), steps[768 + 100 :].max()) < 0.2 * usual  # all blurred
    beside = frame[:, 256 - SEAM_PX : 256].mean((0, 1)) - frame[:, 256 : 256 + SEAM_PX].mean((0, 1))
    assert np.abs(beside).max() < 5  # in the colours of the edge


def test_it_goes_on_above_and_below_too() -> None:
    frame = render_crop(ASTRONAUT, SIZE, Crop(0, -256, 512, 1024, True), 448, 896)
    steps = roughness(frame, axis=0)
    assert steps[:100].max() < 0.2 * np.median(steps[230:660])
    assert steps[222:226].max() < 2 * np.median(steps[230:660])


def test_a_face_is_not_seen_twice(tmp_path: Path) -> None:
    pixels = np.full((300, 300, 3), 90, np.uint8)
    pixels[75:225, 100:200] = 250
    Image.fromarray(pixels).save(tmp_path / "a.png")
    frame = render_crop(
        tmp_path / "a.png", PictureSize(300, 300), Crop(-300, 0, 900, 300, True), 900, 300
    )
    outside = np.concatenate([frame[:, :300], frame[:, 600:]], 1).astype(np.int16)
    assert np.abs(outside - 90).max() <= 1  # a mirrored middle would shine through


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    left=st.integers(-900, 119),
    top=st.integers(-900, 89),
    unit=st.integers(1, 400),
    portrait=st.booleans(),
)
def test_any_crop_gives_a_whole_frame(
    left: int, top: int, unit: int, portrait: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    width, height = (unit, 2 * unit) if portrait else (2 * unit, unit)
    left, top = max(left, 1 - width), max(top, 1 - height)
    path = tmp_path_factory.getbasetemp() / "grey.png"
    if not path.exists():
        Image.new("RGB", (60, 45), (70, 80, 90)).save(path)
    crop = Crop(left, top, width, height, True)
    shape = (224, 112) if not portrait else (112, 224)
    frame = render_crop(path, PictureSize(120, 90), crop, *shape)
    assert frame.shape == (shape[1], shape[0], 3)
    assert np.abs(frame.astype(int) - (70, 80, 90)).max() <= 1
