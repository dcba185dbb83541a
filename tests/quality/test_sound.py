"""Loudness per frame: exact however the sound is cut into blocks, in memory that does not grow."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from inference.core.timing import FPS, SAMPLES_PER_FRAME, Span
from inference.media.mono import iterate_mono
from inference.media.video import encode_sound
from inference.quality.sound import VideoSound, compute_envelope
from tests.support.sounds import chirps, write_wav

RATE_HZ = 48_000


def measure_peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def compute_plainly(sound: NDArray[np.float32], frames: int, fps: float) -> NDArray[np.float64]:
    filtered = sosfiltfilt(butter(2, (200, 4000), "bandpass", fs=RATE_HZ, output="sos"), sound)
    edges = np.rint(np.arange(frames + 1) * RATE_HZ / fps).astype(int)
    padded = np.pad(filtered, (0, max(0, edges[-1] - len(sound))))
    means = [np.mean(padded[a:b] ** 2) for a, b in zip(edges, edges[1:], strict=False)]
    return np.asarray(means) ** 0.25


@pytest.mark.parametrize("fps", [25.0, 29.97])
def test_loudness_does_not_depend_on_blocks(fps: float) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 12 * RATE_HZ).astype(np.float32)
    sound[: RATE_HZ // 2] = sound[-RATE_HZ // 2 :] = 0  # a filter's edges are its own matter
    frames = round(13 * fps)
    expected = compute_plainly(sound, frames, fps)
    for parts in (1, 5, 997):
        found = compute_envelope(np.array_split(sound, parts), frames, fps)
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert compute_envelope([], 3, fps).tolist() == [0, 0, 0]
    short = compute_envelope([sound], 20, fps)  # longer than the picture
    np.testing.assert_allclose(short, expected[:20], atol=1e-3)


def test_long_sound_takes_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for seconds in (15, 90):
        samples, frames = seconds * RATE_HZ, seconds * FPS
        sound = np.resize(chirps(RATE_HZ, RATE_HZ, 2), (samples, 2))
        wav = write_wav(tmp_path / "a.wav", sound, RATE_HZ)
        encode_sound(wav, frames, tmp_path / "a.mp4")
        span = Span(0, 0, samples)

        def measure(wav: Path = wav, span: Span = span, frames: int = frames) -> None:
            voice = iterate_mono(wav, span, frames * SAMPLES_PER_FRAME)
            own = VideoSound(tmp_path / "a.mp4").iterate_mono()
            for blocks in (voice, own):
                assert compute_envelope(blocks, frames, FPS).min() > 0

        del sound
        peaks.append(measure_peak_bytes(measure))
    assert peaks[1] < 1.25 * peaks[0]
