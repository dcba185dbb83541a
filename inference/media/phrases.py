"""Where somebody speaks in a clean recording, and one recording parted between two people.

A clean recording is a 48 kHz 16-bit WAV. Everything goes in blocks: memory does not grow with
length.
"""

import wave
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.core.request import SAMPLE_RATE_HZ, SILENCE_DBFS, Recording
from inference.media.level import LevelMeter

Samples = NDArray[np.int16]

MIN_PAUSE_S = 0.26  # a shorter one is part of speaking: the closure of a p is 0.1 s
LONG_PAUSE_S = 0.6  # after it somebody else may speak
_MIN_PHRASE_S = 0.1  # what is shorter is a click
_PADDING_S = 0.06  # around a phrase: its first and last sounds are soft
_FADE_S = 0.01  # where one falls silent, so that nothing clicks
_STEP_S = 0.02  # levels are measured in steps of this length
_STEP_SAMPLES = round(_STEP_S * SAMPLE_RATE_HZ)
_BLOCK_SAMPLES = 500 * _STEP_SAMPLES
_DIGITAL_SILENCE_DBFS = -100.0  # what is lower was cut out
_MAX_PEAK_OVER_VOICE_DB = (
    10.0  # the loudest of a voice is hardly further above its usual loud sounds
)
_FULL_SCALE = 32_768


@dataclass(frozen=True)
class Phrase:
    """What is said between two pauses, in seconds of the recording."""

    start_s: float
    end_s: float


def find_phrases(recording: Path) -> tuple[Phrase, ...]:
    """The phrases of a clean recording, in order; none when nothing is heard in it."""
    levels = _measure_levels_db(recording)
    if levels.max(initial=-np.inf) <= SILENCE_DBFS:
        return ()
    spoken = np.concatenate(([False], levels > _compute_threshold_db(levels), [False]))
    edges = np.flatnonzero(np.diff(spoken)).reshape(-1, 2) * _STEP_S
    length_s = len(levels) * _STEP_S
    return tuple(
        Phrase(round(max(start - _PADDING_S, 0), 3), round(min(end + _PADDING_S, length_s), 3))
        for start, end in _join_over_short_pauses(edges.tolist())
        if end - start >= _MIN_PHRASE_S
    )


def alternate_speakers(phrases: Sequence[Phrase]) -> tuple[int, ...]:
    """Who says each phrase, 0 or 1, if they take turns at the long pauses; 0 says the first."""
    owners, who = [], 0
    for index, phrase in enumerate(phrases):
        if index and phrase.start_s - phrases[index - 1].end_s + 2 * _PADDING_S >= LONG_PAUSE_S:
            who = 1 - who
        owners.append(who)
    return tuple(owners)


def expand_phrases(phrases: Sequence[Phrase], length_s: float) -> tuple[Phrase, ...]:
    """What belongs to each phrase: from the middle of the pause before to that of the one after."""
    pairs = zip(phrases, phrases[1:], strict=False)
    cuts = [0.0, *((one.end_s + other.start_s) / 2 for one, other in pairs), length_s]
    return tuple(Phrase(*ends) for ends in zip(cuts, cuts[1:], strict=False))


def split_recording(
    source: Path, phrases: Sequence[Phrase], owners: Sequence[int], targets: Sequence[Path]
) -> tuple[Recording, ...]:
    """Write a recording as long as `source` for each of the targets, and measure them.

    The one at index k is silent where a phrase is not that of owner k. Raises OSError.
    """
    with ExitStack() as stack:
        whole = stack.enter_context(wave.open(str(source), "rb"))
        length_s, channels = whole.getnframes() / SAMPLE_RATE_HZ, whole.getnchannels()
        own = [
            _build_gain_curve(expand_phrases(phrases, length_s), owners, who)
            for who in range(len(targets))
        ]
        files = [stack.enter_context(wave.open(str(target), "wb")) for target in targets]
        meters = [LevelMeter() for _ in targets]
        for file in files:
            file.setparams(whole.getparams())
        for start, block in _read_blocks(whole):
            times = (start + np.arange(len(block))) / SAMPLE_RATE_HZ
            for file, meter, (at, gains) in zip(files, meters, own, strict=True):
                kept = np.rint(block * np.interp(times, at, gains)[:, None]).astype(np.int16)
                meter.add(kept)
                file.writeframesraw(kept.tobytes())
    return tuple(meter.to_recording(channels) for meter in meters)


def _build_gain_curve(
    parts: Sequence[Phrase], owners: Sequence[int], who: int
) -> tuple[list[float], list[float]]:
    """Times, and how much of the sound is kept there, 0 to 1, with fades between."""
    times, gains = [0.0], [float(owners[0] == who)]
    for found, owner in zip(parts[1:], owners[1:], strict=True):
        gain = float(owner == who)
        if gain != gains[-1]:
            times += [found.start_s - _FADE_S / 2, found.start_s + _FADE_S / 2]
            gains += [gains[-1], gain]
    return times, gains


def _join_over_short_pauses(runs: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Runs, each from a second to a second, joined where less than a pause lies between them."""
    out: list[tuple[float, float]] = []
    for start, end in runs:
        if out and start - out[-1][1] < MIN_PAUSE_S:
            start = out.pop()[0]
        out.append((start, end))
    return out


def _compute_threshold_db(levels: NDArray[np.float64]) -> float:
    """The level from which on somebody speaks: a third of the way from the room's noise to the
    voice, and 15 to 35 dB under the voice."""
    noise, voice = np.quantile(levels[levels > _DIGITAL_SILENCE_DBFS], (0.1, 0.95))
    voice = max(voice, levels.max() - _MAX_PEAK_OVER_VOICE_DB)  # also where little is said
    return float(np.clip(noise + (voice - noise) / 3, voice - 35, voice - 15))


def _measure_levels_db(recording: Path) -> NDArray[np.float64]:
    """The level of each step of the recording, in dB of full scale."""
    levels = [np.zeros(0)]
    with wave.open(str(recording), "rb") as sound:
        for _, block in _read_blocks(sound):
            squares = np.square(block.astype(np.float64) / _FULL_SCALE).mean(1)
            starts = np.arange(0, len(squares), _STEP_SAMPLES)
            sizes = np.minimum(_STEP_SAMPLES, len(squares) - starts)
            levels.append(10 * np.log10(np.add.reduceat(squares, starts) / sizes + 1e-12))
    return np.concatenate(levels)


def _read_blocks(sound: wave.Wave_read) -> Iterator[tuple[int, Samples]]:
    """Where each block starts, and its samples, int16 (n, c)."""
    start = 0
    while data := sound.readframes(_BLOCK_SAMPLES):
        block = np.frombuffer(data, np.int16).reshape(-1, sound.getnchannels())
        yield start, block
        start += len(block)
