"""A voice as the model hears it: brought to one loudness, then into features, a row a frame."""

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
_SILENT_LUFS = -100.0  # below, there is no voice to raise
_BLOCK_S = 0.4  # ITU-R BS.1770's; a shorter sound has no loudness
_EPSILON = 1e-7  # added to the variance, as wav2vec 2.0 was trained


def measure_loudness(wave: Floats) -> float:
    """Integrated loudness of (n,) at 16 kHz in LUFS (ITU-R BS.1770); -inf of silence."""
    if len(wave) < _BLOCK_S * AUDIO_RATE_HZ:
        return -math.inf
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of the mean of no blocks: silence
        return float(pyloudnorm.Meter(AUDIO_RATE_HZ).integrated_loudness(wave))


def normalise_loudness(wave: Floats, sound: slice = slice(None)) -> Floats:
    """`wave` at -23 LUFS, its loudness being that of its part `sound`; silence as it is."""
    lufs = measure_loudness(wave[sound])
    if not lufs >= _SILENT_LUFS:
        return wave
    return wave * np.float32(10 ** ((TARGET_LUFS - lufs) / 20))


def standardise(wave: Floats, sound: slice = slice(None)) -> Floats:
    """`wave` moved and scaled so that its part `sound` has mean 0 and variance 1."""
    part = wave[sound].astype(np.float64)
    out: Floats = ((wave - part.mean()) / np.sqrt(part.var() + _EPSILON)).astype(np.float32)
    return out


def encode_voice(encoder: AudioEncoder, track: Floats, sound: slice) -> Tensor:
    """Features (f, layers, c) of a track (n,) at 16 kHz in which a voice sounds in `sound`.

    Loudness and statistics are the voice's own: the silence around it, which keeps the mouth shut,
    does not count. Raises InputError when a sample is not a finite number.
    """
    if not np.isfinite(track).all():
        message = "The recording holds values that are no sound. Export it again as WAV or MP3."
        raise InputError(InputCode.NOT_A_RECORDING, message)
    if sound.start == sound.stop:  # all of it was trimmed away: a listener
        sound = slice(None)
    prepared = standardise(normalise_loudness(track, sound), sound)
    parameter = next(encoder.parameters())
    return encoder.encode(torch.from_numpy(prepared).to(parameter.device, parameter.dtype))


def extend_mirrored(voices: Tensor, beyond: int) -> Tensor:
    """Features (p, f, layers, c) that go on for `beyond` rows, at most f: backwards, as in the
    original."""
    start = voices.shape[1] - beyond
    return torch.cat([voices, voices[:, start:].flip(1)], dim=1)
