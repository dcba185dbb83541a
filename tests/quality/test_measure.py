"""What is measured of small films: noise is told from pictures, black from dark."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from inference.core.errors import InputCode, InputError
from inference.media.video import SegmentWriter
from inference.quality.judge import WindowFault, find_first_window_fault
from inference.quality.measure import Measurements, Measurer
from tests.support.media import ASTRONAUT, VOICE_B
from tests.support.video_faults import Frame, blotches

WIDTH, HEIGHT, FRAMES = 448, 224, 21


@pytest.fixture(scope="module")
def picture() -> Frame:
    with Image.open(ASTRONAUT) as opened:
        return np.asarray(opened.convert("RGB").resize((WIDTH, HEIGHT)))


def film(path: Path, frames: Sequence[Frame]) -> Path:
    height, width = frames[0].shape[:2]
    with SegmentWriter(path, width, height) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    return path


def moving(picture: Frame) -> list[Frame]:
    """The picture, which moves a little."""
    return [np.roll(picture, number % 7, 1) for number in range(FRAMES)]


def blurred(picture: Frame) -> list[Frame]:
    """Noise in soft blotches, as when a model that was spoilt draws something."""
    noise = blotches(FRAMES, WIDTH, HEIGHT, 8)
    return [np.asarray(cv2.GaussianBlur(frame, (0, 0), 6), np.uint8) for frame in noise]


def nearly_noise(picture: Frame) -> list[Frame]:
    """Nine parts of noise on one of the picture."""
    noise = blotches(FRAMES, WIDTH, HEIGHT, 1)
    return [(0.9 * frame + 0.1 * picture).astype(np.uint8) for frame in noise]


def standing_noise(cell_px: int) -> Callable[[Frame], list[Frame]]:
    return lambda picture: blotches(1, WIDTH, HEIGHT, cell_px) * FRAMES


@pytest.mark.parametrize(
    "noise",
    [
        lambda picture: blotches(FRAMES, WIDTH, HEIGHT, 1),
        lambda picture: blotches(FRAMES, WIDTH, HEIGHT, 8),
        lambda picture: blotches(FRAMES, WIDTH, HEIGHT, 40),
        blurred,
        nearly_noise,
        standing_noise(1),
        standing_noise(24),
    ],
)
def test_noise_of_any_kind_is_told(
    noise: Callable[[Frame], list[Frame]], picture: Frame, tmp_path: Path
) -> None:
    measured = Measurer(picture, []).measure(film(tmp_path / "v.mp4", noise(picture)))
    noise_it_is = WindowFault("All 21 frames of the first window are noise.", sure=True)
    assert find_first_window_fault(measured) == noise_it_is


def test_another_picture_may_be_what_was_asked_for(picture: Frame, tmp_path: Path) -> None:
    other = np.ascontiguousarray(255 - picture[::-1, ::-1])
    measured = Measurer(picture, []).measure(film(tmp_path / "v.mp4", moving(other)))
    fault = find_first_window_fault(measured)
    assert fault is not None and not fault.sure


def glittering(picture: Frame) -> Frame:
    spots = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.05
    return np.where(spots[..., None], 255, picture).astype(np.uint8)


def before_gravel(picture: Frame) -> Frame:
    gravel = blurred_gravel()
    gravel[40:200, 100:300] = picture[40:200, 100:300]
    return gravel


def blurred_gravel() -> Frame:
    noise = np.random.default_rng(0).standard_normal((HEIGHT, WIDTH, 1)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1)
    grey = np.clip(128 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


@pytest.mark.parametrize(
    "hard", [lambda picture: picture, glittering, before_gravel, lambda picture: picture // 6]
)
def test_a_picture_is_no_noise_however_fine_or_dark_it_is(
    hard: Callable[[Frame], Frame], picture: Frame, tmp_path: Path
) -> None:
    start = hard(picture)
    measured = Measurer(start, []).measure(film(tmp_path / "v.mp4", moving(start)))
    assert find_first_window_fault(measured) is None


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (lambda picture: [np.zeros_like(picture)] * FRAMES, "All 21 frames of the first"),
        (lambda picture: [np.zeros_like(picture)] * 15 + moving(picture)[:6], "15 of the 21"),
        (lambda picture: [picture] * FRAMES, "All 21 frames of the first window show the same"),
        (lambda picture: [frame[:, ::2] for frame in moving(picture)],
         "The first window is 224x224 pixels; 448x224 were planned."),
    ],
)  # fmt: skip
def test_a_window_not_worth_going_on_with_is_named(
    frames: Callable[[Frame], list[Frame]], words: str, picture: Frame, tmp_path: Path
) -> None:
    measured = Measurer(picture, []).measure(film(tmp_path / "v.mp4", frames(picture)))
    fault = find_first_window_fault(measured)
    assert fault is not None and fault.message.startswith(words)
    assert fault.sure == ("planned" not in words)


def test_what_is_measured_in_two_goes_is_as_in_one(picture: Frame, tmp_path: Path) -> None:
    frames = moving(picture)
    first = Measurer(picture, []).measure(film(tmp_path / "1.mp4", frames[:10]))
    first.save(tmp_path / "1.npz")
    kept = Measurements.load(tmp_path / "1.npz")
    rest = Measurer(picture, []).measure(film(tmp_path / "2.mp4", frames[10:]), kept)
    whole = Measurer(picture, []).measure(film(tmp_path / "all.mp4", frames))
    assert not np.isnan(rest.change).any() and not np.isnan(rest.step).any()
    together = np.concatenate([kept.step, rest.step])
    assert np.allclose(together[1:], whole.step[1:], atol=2)
    assert (kept.width, kept.fps, kept.pictured) == (WIDTH, 25.0, True)


def test_what_is_no_measurement_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "b.npz", width=1)
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ValueError):
            Measurements.load(tmp_path / name)
    rare = tmp_path / "rare.mp4"
    with av.open(str(rare), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for file in (VOICE_B, rare):
        with pytest.raises(InputError) as raised:
            Measurer(None, []).measure(file)
        assert raised.value.code is InputCode.NOT_A_VIDEO
