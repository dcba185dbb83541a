"""Loudness envelopes of voices per video frame, and decoding of an mp4's sound."""

import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.timing import Span
from inference.media.mono import ChannelSurvey, choose_channels, mix_down
from inference.quality.container import open_mp4

Floats = NDArray[np.float32]

_BAND_HZ = (200, 4000)  # holds most of speech, little of hum and hiss
# Exponent from power to a measure that grows as a mouth opens.
_COMPRESSION = 0.25
_RINGING_SAMPLES = SAMPLE_RATE_HZ // 20  # padding in which the band-pass decays
_MAX_DECODED_S = 4 * 60  # later sound is only counted; checked videos are shorter


def compute_envelope(samples: Floats, frames: int, fps: float) -> Floats:
    """Return the loudness of `samples`, float32 (n,) at 48 kHz, per frame, float32 (frames,)."""
    padded = np.zeros(int(np.ceil((frames + 1) * SAMPLE_RATE_HZ / fps)), np.float32)
    padded[: len(samples)] = samples[: len(padded)]
    edges = np.rint(np.arange(frames + 1) * SAMPLE_RATE_HZ / fps).astype(int)
    sums = np.add.reduceat(np.square(_filter_band(padded)), edges)[:-1]
    return np.asarray((sums / np.diff(edges)) ** _COMPRESSION, np.float32)


def _filter_band(samples: Floats) -> Floats:
    """Band-pass the samples to `_BAND_HZ` without delay.

    Equals a Butterworth filter of order 2 applied forwards and backwards.
    """
    length = next_fast_len(len(samples) + _RINGING_SAMPLES, real=True)
    low, high = _BAND_HZ
    hertz = np.maximum(rfftfreq(length, 1 / SAMPLE_RATE_HZ), 1.0)
    gain = 1 / (1 + ((np.square(hertz) - low * high) / (hertz * (high - low))) ** 4)
    filtered = irfft(rfft(samples, length) * gain.astype(np.float32), length)
    return np.asarray(filtered[: len(samples)], np.float32)


def load_track(recording: Path, span: Span, samples: int) -> Floats:
    """Return a clean recording on a video's time axis, float32 (samples,) mono at 48 kHz.

    It is silent outside its span.
    """
    out = np.zeros(samples, np.float32)
    length = max(0, min(span.samples, samples - span.start))
    with wave.open(str(recording), "rb") as sound:
        channels = sound.getnchannels()
        sound.setpos(span.source_start)
        data = np.frombuffer(sound.readframes(length), np.int16)
    mono = mix_down(data.reshape(-1, channels), choose_channels(recording))
    out[span.start : span.start + len(mono)] = mono
    return out


def decode_sound(video: Path) -> tuple[Floats, float] | None:
    """Decode an mp4's sound from the start of the picture, float32 (n,) mono at 48 kHz.

    Returns the samples and the end of the sound in seconds, or None for a video without sound.
    Raises InputError when it can't be decoded.
    """
    with open_mp4(video) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        channels = min(2, stream.codec_context.channels)
        layout, survey = ("mono", "stereo")[channels - 1], ChannelSurvey(channels, SAMPLE_RATE_HZ)
        resampler = av.AudioResampler("fltp", layout, SAMPLE_RATE_HZ)
        parts: list[Floats] = []  # (c, n) each
        start_s, end_s = None, 0.0
        for frame in container.decode(stream):
            if start_s is None:
                start_s = frame.time or 0.0
                end_s = start_s
            end_s += frame.samples / frame.sample_rate
            if end_s > _MAX_DECODED_S:
                continue
            frame.pts = None
            parts += [np.asarray(part.to_ndarray()) for part in resampler.resample(frame)]
        parts += [np.asarray(part.to_ndarray()) for part in resampler.resample(None)]
    if start_s is None:
        return None
    for part in parts:
        survey.add(part.T)
    used, late = list(survey.choose()), round(start_s * SAMPLE_RATE_HZ)
    samples = np.concatenate([part[used].mean(0) for part in parts])
    return np.pad(samples, (max(0, late), 0))[max(0, -late) :], end_s
