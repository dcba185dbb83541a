"""How loud voices are in each frame of a video, and the sound that an mp4 carries."""

import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from inference.core.request import SAMPLE_RATE_HZ
from inference.core.timing import Span
from inference.quality.container import open_mp4

Floats = NDArray[np.float32]

_BAND_HZ = (200, 4000)  # where speech is loud and hum and hiss are not
# From power to something that grows as a mouth opens; half the exponent from amplitude.
_COMPRESSION = 0.25
_FULL_SCALE = 32_768
_RINGING_SAMPLES = SAMPLE_RATE_HZ // 20  # samples in which the band-pass dies away
_MAX_DECODED_S = 4 * 60  # what comes later is only counted: no video that is checked is as long


def compute_envelope(samples: Floats, frames: int, fps: float) -> Floats:
    """Loudness of `samples`, float32 (n,) at 48 kHz, in each of `frames` frames, float32."""
    wanted = np.zeros(int(np.ceil((frames + 1) * SAMPLE_RATE_HZ / fps)), np.float32)
    wanted[: len(samples)] = samples[: len(wanted)]
    edges = np.rint(np.arange(frames + 1) * SAMPLE_RATE_HZ / fps).astype(int)
    sums = np.add.reduceat(np.square(_filter_band(wanted)), edges)[:-1]
    return np.asarray((sums / np.diff(edges)) ** _COMPRESSION, np.float32)


def _filter_band(samples: Floats) -> Floats:
    """What lies in `_BAND_HZ`, as a Butterworth band-pass of order 2 leaves it that goes over the
    samples forwards and backwards: it delays nothing."""
    length = next_fast_len(len(samples) + _RINGING_SAMPLES, real=True)
    low, high = _BAND_HZ
    hertz = np.maximum(rfftfreq(length, 1 / SAMPLE_RATE_HZ), 1.0)
    kept = 1 / (1 + ((np.square(hertz) - low * high) / (hertz * (high - low))) ** 4)
    heard = irfft(rfft(samples, length) * kept.astype(np.float32), length)
    return np.asarray(heard[: len(samples)], np.float32)


def load_track(recording: Path, span: Span, samples: int) -> Floats:
    """A clean recording at its place in a video of `samples` samples at 48 kHz, silent outside its
    span: float32 (n,) mono."""
    out = np.zeros(samples, np.float32)
    length = max(0, min(span.samples, samples - span.start))
    with wave.open(str(recording), "rb") as sound:
        sound.setpos(span.source_start)
        data = np.frombuffer(sound.readframes(length), np.int16)
        mono = data.reshape(-1, sound.getnchannels()).mean(1, dtype=np.float32) / _FULL_SCALE
    out[span.start : span.start + len(mono)] = mono
    return out


def decode_sound(video: Path) -> tuple[Floats, float] | None:
    """The sound of an mp4 from the picture's start on, float32 (n,) mono at 48 kHz, and when it
    ends, in seconds; None where it has none. Raises InputError when it can't be decoded."""
    with open_mp4(video) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE_HZ)
        parts: list[Floats] = []
        start_s, end_s = None, 0.0
        for frame in container.decode(stream):
            if start_s is None:
                start_s = frame.time or 0.0
                end_s = start_s
            end_s += frame.samples / frame.sample_rate
            if end_s > _MAX_DECODED_S:
                continue
            frame.pts = None
            parts += [np.asarray(part.to_ndarray()[0]) for part in resampler.resample(frame)]
        parts += [np.asarray(part.to_ndarray()[0]) for part in resampler.resample(None)]
    if start_s is None:
        return None
    samples, late = np.concatenate(parts), round(start_s * SAMPLE_RATE_HZ)
    return np.pad(samples, (max(0, late), 0))[max(0, -late) :], end_s
