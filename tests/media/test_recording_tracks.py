"""Of several sound tracks the right one is used, and gaps in time stay."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from inference.core.errors import InputCode, InputError
from inference.media.recording import clean_recording
from tests.support.sounds import FORMATS, Samples, chirps, read_wav

RATE_HZ = 48_000
SECOND = chirps(RATE_HZ, RATE_HZ)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return tmp_path / "clean.wav"


def write_tracks(path: Path, tracks: Sequence[tuple[Samples, int]]) -> Path:
    """A file with several mono sound tracks, each with its disposition."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for _, disposition in tracks:
            stream: Any = container.add_stream("aac", rate=RATE_HZ, layout="mono")
            stream.disposition = disposition
            streams.append(stream)
        for stream, (sound, _) in zip(streams, tracks, strict=True):
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "s16", "mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


DEFAULT, OTHER = Disposition.default.value, 0
COMMENT = Disposition.comment.value
SILENT = np.zeros_like(SECOND)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    "tracks, wanted",
    [
        ([(SILENT, DEFAULT), (SECOND, OTHER)], 1.0),
        ([(SECOND // 4, OTHER), (SECOND, DEFAULT)], 1.0),
        ([(SECOND // 4, OTHER), (SECOND, OTHER)], 0.25),
        ([(SILENT, DEFAULT), (SILENT, OTHER)], 0.0),
    ],
    ids=["silent default", "default second", "first", "all silent"],
)
def test_the_default_track_or_the_first_that_sounds(
    tracks: Sequence[tuple[Samples, int]], wanted: float, suffix: str, tmp_path: Path, clean: Path
) -> None:
    clean_recording(write_tracks(tmp_path / f"a{suffix}", tracks), clean)
    assert np.abs(read_wav(clean)).max() / np.abs(SECOND).max() == pytest.approx(wanted, abs=0.1)


def test_a_comment_comes_last(tmp_path: Path, clean: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", [(SECOND // 4, COMMENT), (SECOND, OTHER)])
    clean_recording(path, clean)
    assert np.abs(read_wav(clean)).max() > 0.9 * np.abs(SECOND).max()


def write_timed(path: Path, starts_s: Sequence[float], part_s: float = 0.2) -> Path:
    """A recording of parts whose timestamps start at these seconds."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(FORMATS[f"a{path.suffix}"], rate=RATE_HZ, layout="mono")
        packets = []
        for at in range(0, round(part_s * len(starts_s) * RATE_HZ), 960):
            frame = av.AudioFrame.from_ndarray(np.resize(SECOND, (1, 960)), "s16", "mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), at
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            part = min(int(max(0, packet.pts) / RATE_HZ / part_s), len(starts_s) - 1)
            shift = round((starts_s[part] - part * part_s) * RATE_HZ)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".webm", ".m4a"])
@pytest.mark.parametrize(
    "starts_s, wanted_s",
    [
        ((0, 0.2, 0.4), 0.6),
        ((0, 1.7, 1.9), 2.1),
        ((0, 0.7, 1.4), 1.6),
        ((0, 0.25, 0.49), 0.6),
        ((5, 5.2, 5.9), 1.1),
        ((0, 3600, 3600.2), 0.6),
    ],
    ids=["none", "one", "two", "jitter", "late start", "another clock"],
)
def test_a_gap_in_the_timestamps_is_silence(
    starts_s: Sequence[float], wanted_s: float, suffix: str, tmp_path: Path, clean: Path
) -> None:
    measured = clean_recording(write_timed(tmp_path / f"a{suffix}", starts_s), clean)
    assert measured.duration_s == pytest.approx(wanted_s, abs=0.05)
    sound = read_wav(clean)[:, 0]
    silent_s = sum(not part.any() for part in sound[: len(sound) // 480 * 480].reshape(-1, 480))
    assert silent_s / 100 == pytest.approx(wanted_s - 0.6, abs=0.08)


def test_gaps_count_for_the_longest_length(tmp_path: Path, clean: Path) -> None:
    path = write_timed(tmp_path / "a.webm", (0, 301, 602))
    with pytest.raises(InputError) as caught:
        clean_recording(path, clean)
    assert caught.value.code == InputCode.TOO_LONG
