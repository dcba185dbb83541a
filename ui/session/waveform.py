"""Waveform of a clean recording, for drawing it."""

import wave
from pathlib import Path

import numpy as np

_BLOCK_SAMPLES = 1 << 18  # read at a time


def compute_bars(recording: Path, count: int) -> tuple[float, ...]:
    """Return the loudest sample of each of `count` equal parts, 0 to 1, the loudest part being 1.

    `recording` is a 16-bit PCM WAV.
    """
    with wave.open(str(recording), "rb") as sound:
        frames, channels = sound.getnframes(), sound.getnchannels()
        peaks = np.zeros(count)
        position = 0
        while block := sound.readframes(_BLOCK_SAMPLES):
            samples = np.frombuffer(block, np.int16).reshape(-1, channels).astype(np.float64)
            loudness = np.abs(samples).max(axis=1)
            parts = np.arange(position, position + len(loudness)) * count // max(frames, 1)
            np.maximum.at(peaks, np.minimum(parts, count - 1), loudness)
            position += len(loudness)
    return tuple((peaks / max(peaks.max(), 1.0)).round(3).tolist())
