"""One choice of channels for all: a voice is never averaged away, nor drowned by another side."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.core.timing import Span
from inference.media.audio import read_mono
from inference.media.level import measure_recording
from inference.media.mono import ChannelSurvey, choose_channels, iterate_mono
from inference.media.phrases import find_phrases
from tests.support.media import VOICE_A, VOICE_B
from tests.support.sounds import Samples, read_wav, write_wav
from ui.session.waveform import compute_bars

Floats = NDArray[np.float64]
Sound = NDArray[np.float32]

RATE_HZ = 48_000
SECONDS = 3
RANDOM = np.random.default_rng(5)


def voice(path: Path = VOICE_A) -> Floats:
    """Some seconds of speech at 48 kHz, -1 to 1."""
    return np.repeat(read_wav(path)[: SECONDS * RATE_HZ // 2, 0], 2) / 32768


A, B = voice(), voice(VOICE_B)
TIME_S = np.arange(len(A)) / RATE_HZ
SILENCE = np.zeros(len(A))
NOISE = RANDOM.normal(0, 0.1, len(A))
HUM = np.sum([0.2 / n * np.sin(2 * np.pi * 50 * n * TIME_S) for n in range(1, 10)], 0)


def delayed(sound: Floats, seconds: float) -> Floats:
    lag = round(seconds * RATE_HZ)
    return np.concatenate([np.zeros(lag), sound])[: len(sound)]


def music() -> Floats:
    """A chord every half second."""
    out = np.zeros(len(A) + 2 * RATE_HZ)
    decay = np.exp(-3 * TIME_S[: 2 * RATE_HZ])
    for at in range(0, len(A), RATE_HZ // 2):
        for hz in (220, 277, 330, 440, 554):
            tone = np.sin(2 * np.pi * hz * TIME_S[: 2 * RATE_HZ])
            out[at : at + 2 * RATE_HZ] += 0.05 * decay * tone
    return out[: len(A)]


def pcm(*sides: Floats) -> Samples:
    return np.asarray(np.rint(np.stack(sides, 1).clip(-1, 1) * 32767), np.int16)


AGREEING: dict[str, tuple[Floats, Floats]] = {
    "dual mono": (A, A),
    "panned": (A, 0.5 * A),
    "a room's noise of its own": (A + 0.02 * NOISE, A + 0.02 * NOISE[::-1]),
    "two people": (A, B),
    "two people who hear each other": (A + 0.1 * B, B + 0.1 * A),
    "one after the other": (np.where(TIME_S < 1.5, A, 0), np.where(TIME_S < 1.5, 0, B)),
    "wandering": (A * np.cos(TIME_S / SECONDS * np.pi / 2), A * np.sin(TIME_S / SECONDS * 1.57)),
    "silent": (SILENCE, SILENCE),
}
OPPOSING: dict[str, tuple[Floats, Floats]] = {
    "anti-phase": (A, -A),
    "partly": (A, -0.6 * A + 0.02 * NOISE),
    "softer": (A, -0.3 * A),
    "late": (A, -delayed(A, 0.002)),
    "later": (A, -delayed(A, 0.008)),
    "turned over in the middle": (A, np.where(TIME_S < 1.5, A, -A)),
    "turned over for a while": (A, np.where(abs(TIME_S - 1.5) < 0.6, -A, A)),
    "in phase but late": (A, delayed(A, 0.003)),
    "silent other side": (A, SILENCE),
    "noise": (A, NOISE),
    "loud noise": (A, 3 * NOISE),
    "hum": (A, HUM),
    "music": (A, music()),
    "loud music": (A, 3 * music()),
    "crosstalk": (A, 0.05 * A + 0.02 * NOISE),
}


def choose(*sides: Floats, block: int = RATE_HZ) -> tuple[int, ...]:
    """The channels that are averaged, of a sound that is read in blocks."""
    survey, sound = ChannelSurvey(len(sides), RATE_HZ), pcm(*sides)
    for at in range(0, len(sound), block):
        survey.add(sound[at : at + block])
    return survey.choose()


EQUALLY_GOOD = ("anti-phase", "late", "later", "in phase but late", *list(OPPOSING)[5:7])


@pytest.mark.parametrize("name", AGREEING)
def test_sides_that_agree_are_averaged(name: str) -> None:
    assert choose(*AGREEING[name]) == (0, 1)


@pytest.mark.parametrize("name", OPPOSING)
def test_else_the_side_with_the_voice_is_used(name: str) -> None:
    left, right = OPPOSING[name]
    assert choose(left, right) == (0,) or (name in EQUALLY_GOOD and choose(left, right) == (1,))
    assert choose(right, left) == (1,) or (name in EQUALLY_GOOD and choose(right, left) == (0,))


@pytest.mark.parametrize("channels, at", [(4, 2), (6, 3), (9, 0), (32, 31)])
def test_of_a_recorders_tracks_the_one_with_the_voice(channels: int, at: int) -> None:
    sides = [RANDOM.normal(0, 0.0005, len(A)) for _ in range(channels)]
    sides[at] = A
    assert choose(*sides) == (at,)


def test_tracks_that_would_cancel_are_left_out() -> None:
    assert choose(A, -A, 0.7 * A, SILENCE, B) == (0, 2, 4)


@pytest.mark.parametrize("block", [9973, 1_000_000])
def test_the_choice_does_not_depend_on_the_blocks(block: int) -> None:
    assert choose(0.9 * A, -A, SILENCE, block=block) == (1,)


@pytest.mark.parametrize("seconds", [0, 0.01, 0.4])
def test_the_shortest_sounds_are_no_trouble(seconds: float, tmp_path: Path) -> None:
    short = pcm(A, -A)[round(0.5 * RATE_HZ) :][: round(seconds * RATE_HZ)]
    path = write_wav(tmp_path / "a.wav", short)
    assert choose_channels(path) == ((0,) if seconds == 0.4 else (0, 1))
    assert measure_recording(path).samples == len(short)


def read_track(path: Path) -> Sound:
    return read_mono(path, Span(0, 0, len(A)), len(A))


def read_report(path: Path) -> Sound:
    return np.concatenate([*iterate_mono(path, Span(0, 0, len(A)), len(A))])


def read_phrases(path: Path) -> list[float]:
    return [end for each in find_phrases(path) for end in (each.start_s, each.end_s)]


def test_all_who_listen_hear_the_same(tmp_path: Path) -> None:
    alone = write_wav(tmp_path / "alone.wav", pcm(A))
    for other in (-A, SILENCE, 0.3 * HUM):
        both = write_wav(tmp_path / "both.wav", pcm(A, other))
        for read in (read_track, read_report, read_phrases, lambda path: compute_bars(path, 100)):
            assert np.allclose(read(both), read(alone), atol=1e-6)
        assert np.any(read_track(both))
        level = measure_recording(alone).level_dbfs
        assert measure_recording(both).level_dbfs == pytest.approx(level, abs=1e-6)


def test_the_average_of_two_sides_is_exact(tmp_path: Path) -> None:
    sound = pcm(A, 0.5 * A)
    track = read_report(write_wav(tmp_path / "a.wav", sound))
    assert np.array_equal(track, sound.mean(1, dtype=np.float32) / 32768)
