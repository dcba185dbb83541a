"""Waveform of a clean recording, for drawing it."""

import wave
from pathlib import Path

import numpy as np

from inference.media.mono import choose_channels, mix_down, read_blocks


def compute_bars(recording: Path, count: int) -> tuple[float, ...]:
    """Return the loudest sample of each of `count` equal parts, 0 to 1, the loudest part being 1.

    `recording` is a 16-bit PCM WAV; its mono is drawn.
    """
    used = choose_channels(recording)
    peaks, position = np.zeros(count), 0
    with wave.open(str(recording), "rb") as sound:
        frames = sound.getnframes()
        for block in read_blocks(sound):
            loudness = np.abs(mix_down(block, used).astype(np.float64))
            parts = np.arange(position, position + len(loudness)) * count // max(frames, 1)
            np.maximum.at(peaks, np.minimum(parts, count - 1), loudness)
            position += len(loudness)
    return tuple((peaks / (peaks.max() or 1)).round(3).tolist())
