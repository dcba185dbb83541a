"""Phrases in a clean recording, and its split between two speakers.

A clean recording is a 48 kHz 16-bit WAV. It is processed in blocks, so that memory does not grow
with length.
"""

import wave
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.core.inputs import SAMPLE_RATE_HZ, SILENCE_DBFS, Recording
from inference.media.level import measure_recording, remove_offset
from inference.media.mono import choose_channels, mix_down, read_blocks

MIN_PAUSE_S = 0.26  # shorter gaps are part of speech: the closure of a p is 0.1 s
LONG_PAUSE_S = 0.6  # long enough for a change of speakers
MIN_PART_S = 0.25  # of a recording that is split; a short "yes" takes as long
BOTH = 2  # owner of a part that both speakers say
_MIN_PHRASE_S = 0.1  # shorter sounds are clicks
_MAX_OVERLAP = 0.2  # of the speech of who says less: people in turn interrupt each other
_PADDING_S = 0.06  # around a phrase, whose first and last sounds are soft
_FADE_S = 0.01  # avoids clicks at a change of speakers
_STEP_S = 0.02  # length over which a level is measured
_STEP_SAMPLES = round(_STEP_S * SAMPLE_RATE_HZ)
_DIGITAL_SILENCE_DBFS = -100.0  # lower levels are cut-out parts, not the noise of the room
_MAX_PEAK_OVER_VOICE_DB = 10.0  # of a voice's loudest step over its usual loud ones


@dataclass(frozen=True)
class Phrase:
    """Speech between two pauses, in seconds of the recording."""

    start_s: float
    end_s: float


def find_phrases(recording: Path) -> tuple[Phrase, ...]:
    """Return the phrases of a clean recording, in order; none if it is silent."""
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
    """Return the speaker of each phrase, 0 or 1, if they take turns at long pauses; 0 begins."""
    owners, speaker = [], 0
    for index, phrase in enumerate(phrases):
        if index and phrase.start_s - phrases[index - 1].end_s + 2 * _PADDING_S >= LONG_PAUSE_S:
            speaker = 1 - speaker
        owners.append(speaker)
    return tuple(owners)


def compute_overlap_s(first: Sequence[Phrase], second: Sequence[Phrase]) -> float:
    """Return how long two sequences of phrases, each in order, sound at the same time."""
    overlap_s, i, j = 0.0, 0, 0
    while i < len(first) and j < len(second):
        one, other = first[i], second[j]
        overlap_s += max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s))
        i, j = (i + 1, j) if one.end_s < other.end_s else (i, j + 1)
    return overlap_s


def compute_overlap_share(
    first: Sequence[Phrase], second: Sequence[Phrase], of: Callable[[float, float], float] = min
) -> float:
    """Return the overlap of two voices as a part of the speech of who says less (or more: max)."""
    one_s, other_s = (sum(part.end_s - part.start_s for part in parts) for parts in (first, second))
    all_s = of(one_s, other_s)
    return compute_overlap_s(first, second) / all_s if all_s else 0.0


def are_complementary(first: Sequence[Phrase], second: Sequence[Phrase]) -> bool:
    """Return whether each of two voices speaks while the other one is silent."""
    return bool(first and second) and compute_overlap_share(first, second) <= _MAX_OVERLAP


def find_cuts(phrases: Sequence[Phrase]) -> tuple[float, ...]:
    """Return the middles of the pauses between the phrases."""
    pairs = zip(phrases, phrases[1:], strict=False)
    return tuple(round((one.end_s + other.start_s) / 2, 3) for one, other in pairs)


def cut_into_parts(cuts: Sequence[float], length_s: float) -> tuple[Phrase, ...]:
    """Return the parts between the cuts, from the start to the end of a recording."""
    ends = [0.0, *cuts, length_s]
    return tuple(Phrase(*pair) for pair in zip(ends, ends[1:], strict=False))


def split_recording(
    source: Path, parts: Sequence[Phrase], owners: Sequence[int], targets: Sequence[Path]
) -> tuple[Recording, ...]:
    """Write a recording as long as `source` for each of two targets; return their measurements.

    `parts` follow each other without a gap. Target k is silent during parts of the other owner;
    those of `BOTH` are half as loud, so that the two add up to `source`. Raises OSError.
    """
    with ExitStack() as stack:
        sound = stack.enter_context(wave.open(str(source), "rb"))
        start = 0
        curves = [_build_gain_curve(parts, owners, index) for index in range(len(targets))]
        files = [stack.enter_context(wave.open(str(target), "wb")) for target in targets]
        for file in files:
            file.setparams(sound.getparams())
        for block in read_blocks(sound):
            times = (start + np.arange(len(block))) / SAMPLE_RATE_HZ
            for file, (at, gains) in zip(files, curves, strict=True):
                scaled = np.rint(block * np.interp(times, at, gains)[:, None]).astype(np.int16)
                file.writeframesraw(scaled.tobytes())
            start += len(block)
    shared = BOTH in owners
    return tuple(replace(measure_recording(target), is_shared=shared) for target in targets)


def _build_gain_curve(
    parts: Sequence[Phrase], owners: Sequence[int], speaker: int
) -> tuple[list[float], list[float]]:
    """Return times and the gain there, 0 to 1, with fades in between."""
    gain_of = {speaker: 1.0, BOTH: 0.5}
    times, gains = [0.0], [gain_of.get(owners[0], 0.0)]
    for part, owner in zip(parts[1:], owners[1:], strict=True):
        gain = gain_of.get(owner, 0.0)
        if gain != gains[-1]:
            times += [part.start_s - _FADE_S / 2, part.start_s + _FADE_S / 2]
            gains += [gains[-1], gain]
    return times, gains


def _join_over_short_pauses(runs: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Return the runs (start and end in seconds) joined where the pause between is too short."""
    out: list[tuple[float, float]] = []
    for start, end in runs:
        if out and start - out[-1][1] < MIN_PAUSE_S:
            start = out.pop()[0]
        out.append((start, end))
    return out


def _compute_threshold_db(levels: NDArray[np.float64]) -> float:
    """Return the level above which a step counts as speech.

    It is a third of the way from the noise to the voice, and 15 to 35 dB below the voice.
    """
    noise, voice = np.quantile(levels[levels > _DIGITAL_SILENCE_DBFS], (0.1, 0.95))
    voice = max(voice, levels.max() - _MAX_PEAK_OVER_VOICE_DB)  # for recordings with few words
    return float(np.clip(noise + (voice - noise) / 3, voice - 35, voice - 15))


def _measure_levels_db(recording: Path) -> NDArray[np.float64]:
    """Return the level of each step of the recording's mono, in dB of full scale."""
    used, levels = choose_channels(recording), [np.zeros(0)]
    with wave.open(str(recording), "rb") as sound:
        for block in read_blocks(sound):
            mono = remove_offset(mix_down(block, used).astype(np.float64))
            starts = np.arange(0, len(mono), _STEP_SAMPLES)
            sizes = np.minimum(_STEP_SAMPLES, len(mono) - starts)
            powers = np.add.reduceat(np.square(mono), starts) / sizes
            levels.append(10 * np.log10(powers + 1e-12))
    return np.concatenate(levels)
