"""Channels of a recording that are averaged to mono, so that no voice is lost.

Channels that agree are averaged. Where they would cancel or blur the voice, as the two sides of a
wrongly wired microphone do, or where some hold no voice, only those are kept that serve it. The
choice is made once for a whole recording, from short spectra; only figures of these are kept, so
memory hardly grows with length.
"""

import math
import re
import wave
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.core.timing import Span

if TYPE_CHECKING:
    from av import AudioFrame  # PyAV is loaded only where files are decoded

Floats = NDArray[np.float32]
Samples = NDArray[np.int16]

READ_SAMPLES = 48_000  # read from a clean recording at a time, 1 s
FULL_SCALE = 32_768  # of a clean recording's samples

_SURVEY_HZ = 8_000  # the rate is lowered to about this one, as voices lie in `_BAND_HZ`
_STEP = 250  # samples of a spectrum, 31 ms
_BLOCK_STEPS = 16  # spectra over which two channels are compared, 0.5 s
_BAND_HZ = (190, 3400)  # above most of hum and rumble
_FAST_STEPS, _SLOW_STEPS = 3, 16  # a voice's loudness changes between these, syllable by syllable
_MIN_SPEECH = 0.05  # of a voice; steady sounds have less
_MIN_SPEECH_PART = 0.35  # of the best channel's; music and noise have less
_MAX_LOWER_DB, _MAX_CROSSTALK_DB = 25.0, 12.0  # below the best channel: another voice, the same one
_SAME_VOICE = 0.6  # correlation of the loudness of two channels that hear the same voice
_MIN_AGREEMENT = 0.5  # correlation of two channels of one voice whose average does not blur it
_MIN_LEFT = 0.1  # of the louder one's power that the average of two voices must keep
_CANCELS = -0.1  # correlation within a block whose average loses the voice
_MAX_LOST = 0.05  # part of the sound in such blocks
_SIDE_GAIN = math.sqrt(0.5)  # of a channel between the loudspeakers or behind
_LOWERED_PEAK = 10 ** (-1 / 20)  # of a sound that was over full scale, -1 dBFS
_MAX_FLOAT = 2.0**31  # a larger sample is in no unit of sound
# a click is so few samples, of a short sound so many, which are beyond so many times the others
_CLICK_PART, _CLICK_SAMPLES, _CLICK_FACTOR = 1e-4, 50, 2
_STEP_BITS = 21  # of a float32, after its exponent and the next two bits: four steps an octave
_OPPOSED = -0.5  # correlation of two sides of which one is inverted


class ChannelSurvey:
    """Figures of the channels of a recording, from which those for mono are chosen."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self._channels, factor = channels, max(1, round(rate_hz / _SURVEY_HZ))
        # sums of `factor` samples of each channel, by one product
        self._lower = np.tile(np.eye(channels, dtype=np.float32), (factor, 1))
        bin_hz = rate_hz / factor / _STEP
        self._band = slice(round(_BAND_HZ[0] / bin_hz), round(_BAND_HZ[1] / bin_hz))
        self._window = np.hanning(_STEP).astype(np.float32)
        self._rest: list[NDArray[Any]] = []
        self._powers: list[NDArray[np.float64]] = []  # (steps, c) each
        self._products: list[NDArray[np.float64]] = []  # (c, c) each: of every pair, in a block

    def add(self, block: NDArray[Any]) -> None:
        """Count a block of samples (n, c), in any unit."""
        self._rest.append(block)
        size = len(self._lower) // self._channels * _STEP * _BLOCK_STEPS
        if sum(map(len, self._rest)) >= size:
            whole = np.concatenate(self._rest) if len(self._rest) > 1 else block
            end = len(whole) // size * size
            self._rest = [whole[end:]] if end < len(whole) else []
            for at in range(0, end, size):
                self._measure(whole[at : at + size])

    def _measure(self, samples: NDArray[Any]) -> None:
        """Count whole steps, at most a block."""
        wide = np.ascontiguousarray(samples, np.float32).reshape(-1, len(self._lower))
        lowered = (wide @ self._lower).reshape(-1, _STEP, self._channels).transpose(2, 0, 1)
        spectra = np.fft.rfft(lowered * self._window)[:, :, self._band]  # (c, steps, bins)
        parts = np.concatenate((spectra.real, spectra.imag), axis=2).astype(np.float64)
        self._powers.append(np.einsum("csb,csb->sc", parts, parts))
        flat = parts.reshape(self._channels, -1)
        self._products.append(flat @ flat.T)

    def choose(self) -> tuple[int, ...]:
        """Return the channels to average, in order, at least one."""
        self._finish()
        everyone = tuple(range(self._channels))
        powers = np.concatenate([np.zeros((0, self._channels)), *self._powers])
        if self._channels == 1 or not powers.any():
            return everyone
        level, speech = powers.mean(0), _measure_speech(powers)
        if speech.max() >= _MIN_SPEECH:
            speaks = speech >= _MIN_SPEECH_PART * speech.max()
        else:
            speaks = np.ones(self._channels, bool)
        best_first = np.argsort(-level * speaks * (speech + 1e-6), kind="stable")
        kept = [int(best_first[0])]
        for channel in map(int, best_first[1:]):
            below_db = 10 * np.log10(level[kept[0]] / max(level[channel], 1e-30))
            if not speaks[channel] or below_db > _MAX_LOWER_DB:
                continue
            if all(self._agree(powers, each, channel, below_db) for each in kept):
                kept.append(channel)
        return tuple(sorted(kept))

    def is_inverted(self) -> bool:
        """Return whether one of two sides is the other one upside down."""
        self._finish()
        if self._channels != 2 or not self._products:
            return False
        total = np.sum(self._products, 0)
        return bool(total[0, 1] < _OPPOSED * np.sqrt(total[0, 0] * total[1, 1]))

    def _finish(self) -> None:
        """Measure the samples that fill no whole block."""
        if self._rest:
            rest, size = np.concatenate(self._rest), len(self._lower) // self._channels * _STEP
            self._rest = []
            if whole := len(rest) // size * size:
                self._measure(rest[:whole])

    def _agree(self, powers: NDArray[np.float64], one: int, other: int, below_db: float) -> bool:
        """Return whether the average of two channels keeps what is said in them."""
        products = np.stack(self._products)
        first, second = products[:, one, one], products[:, other, other]
        both = products[:, one, other]
        size = np.sqrt(first * second)
        if _correlate_loudness(powers[:, [one, other]]) >= _SAME_VOICE:
            if below_db > _MAX_CROSSTALK_DB or both.sum() < _MIN_AGREEMENT * size.sum():
                return False
            lost = both < _CANCELS * size
        else:
            lost = (first + second + 2 * both) / 4 < _MIN_LEFT * np.maximum(first, second)
        return bool(size[lost].sum() <= _MAX_LOST * size.sum())


class DownmixBuilder:
    """Builder of the gains that make one or two channels of any number.

    Channels with a position are mixed for two loudspeakers; of a recorder's tracks, those with the
    voice are averaged. Sound over full scale is lowered, but not for clicks.
    """

    def __init__(self, names: Sequence[str], rate_hz: int) -> None:
        self._placed = _place_channels(names)
        self._survey = ChannelSurvey(len(names), rate_hz)
        self._peaks = np.zeros(len(names) + len(self._placed), np.float32)
        self._counts = np.zeros((len(self._peaks), 2 ** (31 - _STEP_BITS)), np.int64)

    def add(self, sound: Floats) -> None:
        """Count a block, float32 (c, n); one with another number of channels is left out."""
        if len(sound) == self._placed.shape[1]:
            self._survey.add(sound.T)
            sizes = np.abs(np.concatenate((sound, self._placed @ sound)))
            self._peaks = np.maximum(self._peaks, sizes.max(1, initial=0))
            for counts, steps in zip(self._counts, sizes.view(np.int32) >> _STEP_BITS, strict=True):
                counts += np.bincount(steps, minlength=len(counts))

    def build(self) -> Floats:
        """Return the gains, float32 (1 or 2, c)."""
        channels, used = self._placed.shape[1], list(self._survey.choose())
        if self._placed[:, used].any():
            downmix, peak = self._placed, self._find_peak(range(channels, len(self._peaks)))
        else:  # tracks, or a voice where a cinema has its rumble
            downmix, peak = np.zeros((1, channels), np.float32), self._find_peak(used)
            downmix[0, used] = 1 / len(used)
        return np.asarray(downmix * np.float32(_LOWERED_PEAK / peak if peak > 1 else 1))

    def _find_peak(self, rows: Sequence[int]) -> float:
        """Return the largest sample, or the largest beside clicks, if those are much larger."""
        counts, peak = self._counts[rows].sum(0), float(self._peaks[rows].max())
        most = max(_CLICK_PART * counts.sum(), _CLICK_SAMPLES * len(rows))
        step = (counts[::-1].cumsum() <= most)[::-1].argmax()
        usual = float(np.int32(step << _STEP_BITS).view(np.float32))
        return peak if peak <= _CLICK_FACTOR * usual else usual


def choose_downmix(frames: "Iterator[AudioFrame]") -> Floats:
    """Return the gains, float32 (1 or 2, c), that make one or two channels of decoded sound."""
    first = next(frames)
    builder = DownmixBuilder([channel.name for channel in first.layout.channels], first.sample_rate)
    for frame in chain((first,), frames):
        builder.add(read_floats(frame))
    return builder.build()


def read_floats(frame: "AudioFrame") -> Floats:
    """Return samples of any type as float32 (c, n), full scale being 1; no numbers are silence."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            out = values.astype(np.float32)
            return np.asarray(np.where(np.abs(out) <= _MAX_FLOAT, out, 0), np.float32)
    full_scale = np.float32(2 ** (8 * values.dtype.itemsize - 1))
    middle = np.float32(1 if values.dtype.kind == "u" else 0)
    return np.asarray(values.astype(np.float32) / full_scale - middle, np.float32)


def _place_channels(names: Sequence[str]) -> Floats:
    """Return the gains of named channels in two loudspeakers, float32 (2, c).

    One or two channels stay as they are; of more without names, all gains are 0.
    """
    if len(names) <= 2:
        return np.eye(len(names), dtype=np.float32)
    gains = np.zeros((2, len(names)), np.float32)
    for channel, name in enumerate(names):
        if "LFE" in name or not re.fullmatch("[TBSFWLRCD]+", name):
            continue
        side = np.float32(1 if name in ("FL", "FR") else _SIDE_GAIN)
        gains[0, channel] = 0 if "R" in name else side
        gains[1, channel] = 0 if "L" in name else side
    return gains


def survey_channels(recording: Path) -> ChannelSurvey:
    """Return the survey of a clean recording, a 16-bit WAV."""
    with wave.open(str(recording), "rb") as sound:
        survey = ChannelSurvey(sound.getnchannels(), sound.getframerate())
        if sound.getnchannels() > 1:
            for block in read_blocks(sound):
                survey.add(block)
    return survey


def choose_channels(recording: Path) -> tuple[int, ...]:
    """Return the channels of a clean recording that are averaged to mono."""
    return survey_channels(recording).choose()


def read_blocks(
    sound: wave.Wave_read, start: int = 0, samples: int | None = None
) -> Iterator[Samples]:
    """Yield the samples of a 16-bit WAV, or `samples` of them from `start`, int16 (n, c)."""
    end = sound.getnframes() if samples is None else min(start + samples, sound.getnframes())
    sound.setpos(min(start, end))
    for at in range(start, end, READ_SAMPLES):
        data = sound.readframes(min(READ_SAMPLES, end - at))
        yield np.frombuffer(data, np.int16).reshape(-1, sound.getnchannels())


def mix_down(block: Samples, channels: tuple[int, ...]) -> Floats:
    """Return the average of these channels of int16 (n, c) samples, float32 (n,), -1 to 1."""
    total = block[:, channels[0]].astype(np.float32)
    for channel in channels[1:]:
        total += block[:, channel]
    return total / np.float32(FULL_SCALE * len(channels))


def _measure_speech(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much each channel sounds like speech, 0 to 1, from powers (steps, c).

    Speech rises and falls with its syllables, and has pauses: the measures are those of J. Saunders
    (1996), and E. Scheirer and M. Slaney (1997).
    """
    loudness = np.sqrt(powers)
    mean = loudness.mean(0) + 1e-30
    changes = _smooth(loudness, _FAST_STEPS) - _smooth(loudness, _SLOW_STEPS)
    depth = np.sqrt(np.square(changes).mean(0) / (powers.mean(0) + 1e-30))
    pauses = (loudness < mean / 2).mean(0)
    return np.asarray(depth * pauses)


def _smooth(values: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Return the averages of (steps, c) over `steps` around each step."""
    padded = np.pad(values, ((steps // 2 + 1, (steps - 1) // 2), (0, 0)), mode="edge")
    sums = np.cumsum(padded, 0)
    return (sums[steps:] - sums[:-steps]) / steps


def _correlate_loudness(powers: NDArray[np.float64]) -> float:
    """Return the correlation of the levels of two channels, (steps, 2)."""
    floor = powers.max(0) * 1e-4  # 40 dB below the loudest, so that silence doesn't count
    levels = np.log(np.maximum(powers, floor + 1e-30))
    changes = levels - levels.mean(0)
    size = np.sqrt(np.square(changes).sum(0).prod())
    return float(changes.prod(1).sum() / size) if size else 0.0


def iterate_mono(recording: Path, span: Span, samples: int) -> Iterator[Floats]:
    """Yield a clean recording on a video's time axis, silent outside `span`, `samples` in total.

    Blocks are float32 (n,), -1 to 1, at 48 kHz, all but the last of `READ_SAMPLES`.
    """
    used = choose_channels(recording)
    with wave.open(str(recording), "rb") as sound:
        for start in range(0, samples, READ_SAMPLES):
            block = np.zeros(min(READ_SAMPLES, samples - start), np.float32)
            begin = max(start, span.start)
            end = min(start + len(block), span.start + span.samples)
            if begin < end:
                for part in read_blocks(sound, span.source_start + begin - span.start, end - begin):
                    block[begin - start :][: len(part)] = mix_down(part, used)
            yield block
