"""A GIF and a still show what the video shows, and say that it is AI-generated."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.core.errors import InputError
from inference.media.video import SegmentWriter
from inference.rendering import derived
from inference.rendering.derived import write_gif, write_still

COMMENT = b"AI-generated: a still picture animated to a recording."


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A red square that moves to the right by 8 pixels a frame, for 25 frames."""
    with SegmentWriter(tmp_path / "result.mp4", 640, 320) as writer:
        for index in range(25):
            frame = np.full((320, 640, 3), 90, np.uint8)
            frame[120:200, 8 * index : 8 * index + 80] = (220, 30, 30)
            writer.write(frame)
    return tmp_path / "result.mp4"


def left_of_red(image: Image.Image) -> float:
    """Where the square begins, as a share of the width."""
    red = np.asarray(image.convert("RGB"), int)
    columns = np.flatnonzero((red[:, :, 0] - red[:, :, 1] > 90).any(axis=0))
    return float(columns[0] / red.shape[1])


@pytest.mark.parametrize(("most", "frames", "duration_ms"), [(250, 13, 80), (7, 7, 160)])
def test_a_gif_is_small_and_moves_like_the_video(
    video: Path, monkeypatch: pytest.MonkeyPatch, most: int, frames: int, duration_ms: int
) -> None:
    monkeypatch.setattr(derived, "_MAX_GIF_FRAMES", most)
    write_gif(video, video.with_name("result.gif"), longest_s=1)
    with Image.open(video.with_name("result.gif")) as gif:
        assert (gif.size, gif.n_frames) == ((480, 240), frames)  # type: ignore[attr-defined]
        assert (gif.info["comment"], gif.info["loop"]) == (COMMENT, 0)
        for index in range(frames):
            gif.seek(index)
            assert gif.info["duration"] == duration_ms
            expected = 8 * index * duration_ms / 40 / 640
            assert left_of_red(gif) == pytest.approx(expected, abs=0.01)


def test_a_video_that_is_too_long_is_refused_with_a_sentence(video: Path) -> None:
    with pytest.raises(InputError, match=r"1 s long; a GIF can be up to 0 s\. Choose a shorter"):
        write_gif(video, video.with_name("result.gif"), longest_s=0)
    assert not video.with_name("result.gif").exists()


def test_a_still_is_the_middle_frame_in_full_size(video: Path) -> None:
    write_still(video, video.with_name("still.jpg"))
    with Image.open(video.with_name("still.jpg")) as still:
        assert (still.format, still.size, still.info["comment"]) == ("JPEG", (640, 320), COMMENT)
        assert left_of_red(still) == pytest.approx(8 * 12 / 640, abs=0.02)
