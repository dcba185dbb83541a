"""Length and level of a clean recording, and its offset, block by block."""

import io
import math
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.core.inputs import SAMPLE_RATE_HZ, Recording
from inference.media.mono import READ_SAMPLES, choose_channels, read_blocks, survey_channels

Floats = NDArray[np.float64]

FLOOR_DBFS = -120.0  # stands for digital silence, whose level has no logarithm
_FULL_SCALE = 32_768
_STEP_SAMPLES = SAMPLE_RATE_HZ // 50  # a step without any change is digital silence
_OFFSET_SAMPLES = 10 * _STEP_SAMPLES  # over which an offset is measured: 0.2 s, below all voices
_MIN_OFFSET = 33  # a constant offset of -60 dBFS; a lower one is as good as none
_WAV_START_BYTES = 44  # before the samples of a file by `wave`


def measure_recording(recording: Path, start: int = 0, samples: int | None = None) -> Recording:
    """Return the length and level of a clean recording, or of `samples` of it from `start`.

    The level is that of its mono, the peak that of any channel, both without a constant offset.
    Digital silence counts for the length only, so that cut-out pauses, or the turns of the other
    person, do not lower the level of a voice.
    """
    used = list(choose_channels(recording))
    length, sounding, peak, squares = 0, 0, 0.0, 0.0
    with wave.open(str(recording), "rb") as sound:
        channels = sound.getnchannels()
        for block in read_blocks(sound, start, samples):
            length += len(block)
            sounding += _count_sounding(block)
            wide = remove_offset(block.astype(np.float64))
            peak = max(peak, float(np.abs(wide).max(initial=0)))
            mono = wide[:, used].mean(1)
            squares += float(np.vdot(mono, mono))
    rms = math.sqrt(squares / max(1, sounding))
    return Recording(length, channels, _to_dbfs(peak), _to_dbfs(rms))


def mend_recording(clean: Path, means: NDArray[np.float64]) -> None:
    """Remove the constant offset of a clean recording, and turn over a side that is inverted.

    An offset clicks at both ends. Of two sides that oppose each other, one loudspeaker plays
    nothing.
    """
    channels = len(means)
    offsets = np.where(np.abs(means) >= _MIN_OFFSET, np.rint(means), 0).astype(np.int32)
    signs = np.ones(channels, np.int32)
    if survey_channels(clean).is_inverted():
        signs[-1] = -1
    if not offsets.any() and signs.all() > 0:
        return
    with clean.open("r+b") as file:
        file.seek(_WAV_START_BYTES)
        while data := file.read(READ_SAMPLES * channels * 2):
            block = (np.frombuffer(data, "<i2").reshape(-1, channels) - offsets) * signs
            file.seek(-len(data), io.SEEK_CUR)
            file.write(block.clip(-32_768, 32_767).astype("<i2").tobytes())


def remove_offset(samples: Floats) -> Floats:
    """Return samples, float64 (n, c), without the mean of each 0.2 s."""
    starts = np.arange(0, len(samples), _OFFSET_SAMPLES)
    sizes = np.minimum(_OFFSET_SAMPLES, len(samples) - starts)
    means = np.add.reduceat(samples, starts, axis=0) / sizes[:, None]
    return np.asarray(samples - np.repeat(means, sizes, axis=0))


def _count_sounding(block: NDArray[np.int16]) -> int:
    """Return how many samples of (n, c) lie outside digital silence."""
    starts = np.arange(0, len(block), _STEP_SAMPLES)
    sizes = np.minimum(_STEP_SAMPLES, len(block) - starts)
    changes = np.zeros(len(block), bool)
    changes[1:] = (block[1:] != block[:-1]).any(1)
    changes[starts] = False
    return int(sizes[np.logical_or.reduceat(changes, starts)].sum())


def _to_dbfs(amplitude: float) -> float:
    if amplitude <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20 * math.log10(min(amplitude, _FULL_SCALE) / _FULL_SCALE))
