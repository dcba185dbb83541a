"""The finished file is what players and the plan expect, frame by frame and sample by sample."""

import json
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.media.video import SegmentWriter, join_segments
from tests.support.media import decoded

WIDTH, HEIGHT = 192, 96
LENGTHS = (29, 24, 17)  # frames of the segments
FRAMES = sum(LENGTHS)


def numbered_frame(index: int) -> NDArray[np.uint8]:
    """A red frame, green from the left as far as its number says: 2 pixels each."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[:, :, 0] = 200
    frame[:, : 2 * (index + 1), 1] = 255
    return frame


def number_of(frame: NDArray[np.uint8]) -> int:
    return round(np.count_nonzero(frame[HEIGHT // 2, :, 1] > 128) / 2) - 1


def write_segments(folder: Path) -> list[Path]:
    paths, number = [], 0
    for index, length in enumerate(LENGTHS):
        paths.append(folder / f"{index}.mp4")
        with SegmentWriter(paths[-1], WIDTH, HEIGHT) as writer:
            for _ in range(length):
                writer.write(numbered_frame(number))
                number += 1
    return paths


def write_tone(path: Path, channels: int) -> Path:
    """A 440 Hz tone as long as all frames, at 48 kHz."""
    tone = 8000 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(FRAMES * 1920))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.repeat(tone.astype("<i2"), channels).tobytes())
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    metadata = {"title": "T", "comment": json.dumps({"seed": 1}), "description": "AI-generated"}
    target = folder / "out.mp4"
    join_segments(
        write_segments(folder), write_tone(folder / "tone.wav", 2), FRAMES, target, metadata
    )
    return target


def test_every_frame_is_there_once_in_order_at_its_time(video: Path) -> None:
    frames = decoded(video)
    assert [number_of(frame) for frame in frames] == list(range(FRAMES))
    with av.open(str(video)) as file:
        times = [frame.time for frame in file.decode(video=0)]
    assert times == pytest.approx([number / 25 for number in range(FRAMES)])


def test_the_sound_is_as_long_as_the_picture_and_starts_with_it(video: Path) -> None:
    with av.open(str(video)) as file:
        sound = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    assert FRAMES * 1920 <= len(sound) < FRAMES * 1920 + 1024
    tone = 8000 / 32768 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(len(sound)))
    inside = slice(2000, FRAMES * 1920 - 2000)
    assert np.corrcoef(sound[inside], tone[inside])[0, 1] > 0.999


def test_its_format_plays_everywhere(video: Path) -> None:
    with av.open(str(video)) as file:
        stream, sound = file.streams.video[0], file.streams.audio[0]
        context = stream.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        tags = (context.color_primaries, context.color_trc, context.colorspace)
        assert tags == (1, 1, 1)  # BT.709
        assert stream.average_rate == 25 and stream.frames == FRAMES
        assert (sound.codec_context.name, sound.rate, sound.layout.name) == (
            "aac",
            48_000,
            "stereo",
        )
    data = video.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_colours_come_back_as_they_went_in(video: Path) -> None:
    last = decoded(video)[-1]
    assert np.abs(last[40, 20].astype(int) - [200, 255, 0]).max() < 12
    assert np.abs(last[40, -10].astype(int) - [200, 0, 0]).max() < 12


def test_it_says_what_it_is(video: Path) -> None:
    with av.open(str(video)) as file:
        metadata = file.metadata
    assert metadata["description"] == "AI-generated"
    assert json.loads(metadata["comment"]) == {"seed": 1}


def test_one_voice_stays_mono_and_fewer_frames_take_less_sound(tmp_path: Path) -> None:
    first = write_segments(tmp_path)[0]
    tone = write_tone(tmp_path / "tone.wav", 1)
    join_segments([first], tone, LENGTHS[0], tmp_path / "out.mp4", {})
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.audio[0].layout.name == "mono"
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert LENGTHS[0] * 1920 <= samples < LENGTHS[0] * 1920 + 1024


def test_a_segment_plays_by_itself_and_starts_with_a_key_frame(tmp_path: Path) -> None:
    second = write_segments(tmp_path)[1]
    with av.open(str(second)) as file:
        frames = list(file.decode(video=0))
    assert len(frames) == LENGTHS[1] and frames[0].key_frame


def test_nothing_is_left_of_a_segment_or_a_video_that_failed(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="broken"),
        SegmentWriter(tmp_path / "half.mp4", WIDTH, HEIGHT) as writer,
    ):
        writer.write(numbered_frame(0))
        raise RuntimeError("broken")
    segments = write_segments(tmp_path)
    segments[1].write_bytes(b"not a video")
    with pytest.raises(av.error.InvalidDataError):
        join_segments(segments, write_tone(tmp_path / "t.wav", 1), FRAMES, tmp_path / "out.mp4", {})
    assert not (tmp_path / "half.mp4").exists() and not (tmp_path / "out.mp4").exists()
