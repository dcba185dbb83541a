"""Loudness envelopes of voices per video frame, and decoding of an mp4's sound.

Sound comes in blocks, so that memory does not grow with length.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.media.mono import ChannelSurvey
from inference.quality.container import open_mp4, require_known_codec

Floats = NDArray[np.float32]

_BAND_HZ = (200, 4000)  # holds most of speech, little of hum and hiss
# Exponent from power to a measure that grows as a mouth opens.
_COMPRESSION = 0.25
_BLOCK_SAMPLES = 5 * SAMPLE_RATE_HZ  # filtered at once
_RINGING_SAMPLES = SAMPLE_RATE_HZ // 20  # around a block, in which the band-pass decays
_MAX_DECODED_S = 4 * 60  # later sound is only counted; checked videos are shorter


def compute_envelope(sound: Iterable[Floats], frames: int, fps: float) -> Floats:
    """Return the loudness of `sound` per video frame, float32 (frames,).

    `sound` are consecutive blocks of samples, float32 (n,) at 48 kHz.
    """
    edges = np.rint(np.arange(frames + 1) * SAMPLE_RATE_HZ / fps).astype(int)
    sums, start = np.zeros(frames), 0
    for block in _filter_band(sound):
        squares = np.square(block[: edges[-1] - start])
        stop = start + len(squares)
        first = int(np.searchsorted(edges, start, "right")) - 1
        parts = edges[(edges > start) & (edges < stop)] - start
        if stop > start:
            sums[first : first + 1 + len(parts)] += np.add.reduceat(squares, [0, *parts])
        start = stop
    return np.asarray((sums / np.diff(edges)) ** _COMPRESSION, np.float32)


def _filter_band(sound: Iterable[Floats]) -> Iterator[Floats]:
    """Yield the samples, band-passed to `_BAND_HZ` without delay, in blocks.

    Equals a Butterworth filter of order 2 applied forwards and backwards.
    """
    length = next_fast_len(_BLOCK_SAMPLES + 3 * _RINGING_SAMPLES, real=True)
    low, high = _BAND_HZ
    hertz = np.maximum(rfftfreq(length, 1 / SAMPLE_RATE_HZ), 1.0)
    gain = 1 / (1 + ((np.square(hertz) - low * high) / (hertz * (high - low))) ** 4)
    gain = gain.astype(np.float32)
    edge = np.zeros(_RINGING_SAMPLES, np.float32)
    held = edge
    for samples in chain(sound, (edge,)):
        held = np.concatenate([held, samples])
        while (left := len(held) - 2 * len(edge)) > 0 and (
            left >= _BLOCK_SAMPLES or samples is edge
        ):
            size = min(left, _BLOCK_SAMPLES)
            filtered = irfft(rfft(held[: size + 2 * len(edge)], length) * gain, length)
            yield np.asarray(filtered[len(edge) : len(edge) + size], np.float32)
            held = held[size:]


class VideoSound:
    """Sound of an mp4, from the start of its picture on.

    Iterating it yields blocks, float32 (n, c) at 48 kHz with one or two channels. `end_s` is the
    end of the sound in seconds once it was iterated, None if there is none. Raises InputError when
    the video can't be decoded.
    """

    def __init__(self, video: Path) -> None:
        self._video = video
        self.end_s: float | None = None

    def __iter__(self) -> Iterator[Floats]:
        with open_mp4(self._video) as container:
            if not container.streams.audio:
                return
            stream = container.streams.audio[0]
            require_known_codec(stream)
            channels = min(2, stream.codec_context.channels)
            resampler = av.AudioResampler("fltp", ("mono", "stereo")[channels - 1], SAMPLE_RATE_HZ)
            early = 0  # samples before the picture, still to be skipped
            self.end_s = None
            for frame in container.decode(stream):
                if self.end_s is None:
                    self.end_s = frame.time or 0.0
                    late = round(self.end_s * SAMPLE_RATE_HZ)
                    early = max(0, -late)
                    yield np.zeros((max(0, late), channels), np.float32)
                self.end_s += frame.samples / frame.sample_rate
                if self.end_s <= _MAX_DECODED_S:
                    frame.pts = None
                    for part in resampler.resample(frame):
                        yield _to_samples(part)[early:]
                        early = max(0, early - part.samples)
            if self.end_s is not None:
                for part in resampler.resample(None):
                    yield _to_samples(part)[early:]

    def iterate_mono(self) -> Iterator[Floats]:
        """Yield the blocks as float32 (n,), from the channels that hold the voice."""
        survey = None
        for block in self:
            survey = survey or ChannelSurvey(block.shape[1], SAMPLE_RATE_HZ)
            survey.add(block)
        if survey:
            used = list(survey.choose())
            yield from (block[:, used].mean(1) for block in self)


def _to_samples(frame: av.AudioFrame) -> Floats:
    return np.asarray(frame.to_ndarray(), np.float32).T
