"""Voice conditioning: loudness normalisation, then features with one row per video frame."""

import math
import warnings

import numpy as np
import pyloudnorm
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.core.errors import InputCode, InputError
from inference.multitalk.models.encoders import AUDIO_RATE_HZ, AudioEncoder

Floats = NDArray[np.float32]

TARGET_LUFS = -23.0
_SILENT_LUFS = -100.0  # below, a recording counts as silence
_BLOCK_S = 0.4  # gating block of ITU-R BS.1770; a shorter sound has no loudness
_EPSILON = 1e-7  # added to the variance, as in wav2vec 2.0's training


def measure_loudness(wave: Floats) -> float:
    """Return the integrated loudness in LUFS (ITU-R BS.1770) of (n,) at 16 kHz; -inf if silent."""
    if len(wave) < _BLOCK_S * AUDIO_RATE_HZ:
        return -math.inf
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # mean of no blocks: silence
        return float(pyloudnorm.Meter(AUDIO_RATE_HZ).integrated_loudness(wave))


def normalise_loudness(wave: Floats, sound: slice = slice(None)) -> Floats:
    """Scale `wave` so that its part `sound` has -23 LUFS; silence stays unchanged."""
    lufs = measure_loudness(wave[sound])
    if not lufs >= _SILENT_LUFS:
        return wave
    return wave * np.float32(10 ** ((TARGET_LUFS - lufs) / 20))


def standardise(wave: Floats, sound: slice = slice(None)) -> Floats:
    """Shift and scale `wave` so that its part `sound` has mean 0 and variance 1."""
    part = wave[sound].astype(np.float64)
    out: Floats = ((wave - part.mean()) / np.sqrt(part.var() + _EPSILON)).astype(np.float32)
    return out


def encode_voice(encoder: AudioEncoder, track: Floats, sound: slice) -> Tensor:
    """Encode a track (n,) at 16 kHz, with a voice in the range `sound`, to features (f, layers, c).

    Loudness and statistics are those of the voice, without the silence around it, which keeps the
    mouth shut. Raises InputError when a sample is not finite.
    """
    if not np.isfinite(track).all():
        message = "The recording holds values that are no sound. Export it again as WAV or MP3."
        raise InputError(InputCode.NOT_A_RECORDING, message)
    if sound.start == sound.stop:  # trimmed to nothing: a listener
        sound = slice(None)
    prepared = standardise(normalise_loudness(track, sound), sound)
    parameter = next(encoder.parameters())
    return encoder.encode(torch.from_numpy(prepared).to(parameter.device, parameter.dtype))


def extend_mirrored(voices: Tensor, count: int) -> Tensor:
    """Append the last `count` rows of features (p, f, layers, c), at most f, in reverse, as the
    original does."""
    start = voices.shape[1] - count
    return torch.cat([voices, voices[:, start:].flip(1)], dim=1)
