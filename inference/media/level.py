"""Length and level of a clean recording, and its offset, block by block."""

import io
import math
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.core.inputs import SAMPLE_RATE_HZ, Recording
from inference.media.mono import (
    FULL_SCALE,
    READ_SAMPLES,
    choose_channels,
    mix_down,
    read_blocks,
    survey_channels,
)

Floats = NDArray[np.float64]

FLOOR_DBFS = -120.0  # stands for digital silence, whose level has no logarithm
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
    return _measure(recording, choose_channels(recording), start, samples)[0]


def mend_recording(recording: Path) -> Recording:
    """Return the length and level of a clean recording, after removing what no one wants of it.

    That is a constant offset, which clicks at both ends, and the opposition of two sides, of which
    one loudspeaker plays nothing: one is turned over.
    """
    survey = survey_channels(recording)
    measured, means = _measure(recording, survey.choose())
    offsets = np.rint(means * FULL_SCALE).astype(np.int32)
    offsets[np.abs(offsets) < _MIN_OFFSET] = 0
    signs = np.ones(len(offsets), np.int32)
    if survey.is_inverted():
        signs[-1] = -1
    if not offsets.any() and (signs > 0).all():
        return measured
    with recording.open("r+b") as file:
        file.seek(_WAV_START_BYTES)
        while data := file.read(READ_SAMPLES * len(offsets) * 2):
            block = (np.frombuffer(data, "<i2").reshape(-1, len(offsets)) - offsets) * signs
            file.seek(-len(data), io.SEEK_CUR)
            file.write(block.clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes())
    return measure_recording(recording)


def _measure(
    recording: Path, used: tuple[int, ...], start: int = 0, samples: int | None = None
) -> tuple[Recording, Floats]:
    """Return the length and level, and the mean of each channel, float64 (c,)."""
    length, sounding, peak, squares = 0, 0, 0.0, 0.0
    with wave.open(str(recording), "rb") as sound:
        sums = np.zeros(sound.getnchannels())
        for block in read_blocks(sound, start, samples):
            length += len(block)
            mono = mix_down(block, used).astype(np.float64)
            centred = remove_offset(mono)
            sounding += _count_sounding(mono)
            squares += float(np.vdot(centred, centred))
            for side in range(len(sums)):
                alone, changes = mono, centred
                if used != (side,):
                    alone = mix_down(block, (side,)).astype(np.float64)
                    changes = remove_offset(alone)
                sums[side] += alone.sum()
                peak = max(peak, float(changes.max()), -float(changes.min()))
    level = _to_dbfs(math.sqrt(squares / max(1, sounding)))
    return Recording(length, len(sums), _to_dbfs(peak), level), sums / max(1, length)


def remove_offset(samples: Floats) -> Floats:
    """Return samples, float64 (n,), without the mean of each 0.2 s."""
    out = samples.copy()
    for start in range(0, len(out), _OFFSET_SAMPLES):
        part = out[start : start + _OFFSET_SAMPLES]
        part -= part.mean()
    return out


def _count_sounding(mono: Floats) -> int:
    """Return how many samples, float64 (n,), lie outside digital silence."""
    starts = np.arange(0, len(mono), _STEP_SAMPLES)
    sizes = np.minimum(_STEP_SAMPLES, len(mono) - starts)
    sounds = np.maximum.reduceat(mono, starts) > np.minimum.reduceat(mono, starts)
    return int(sizes[sounds].sum())


def _to_dbfs(amplitude: float) -> float:
    if amplitude <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20 * math.log10(min(amplitude, 1)))
