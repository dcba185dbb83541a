"""Someone whose lips stand still: a voice of their own is a fault, what a room holds is unclear."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.core.report import Verdict
from inference.core.timing import FPS, SAMPLES_PER_FRAME
from inference.quality.lips import judge_speakers
from inference.quality.sound import compute_envelope
from tests.support.media import VOICE_A, VOICE_B
from tests.support.sounds import read_wav

Sound = NDArray[np.float64]

FRAMES = 100
SAMPLES = FRAMES * SAMPLES_PER_FRAME
RANDOM = np.random.default_rng(6)
TIME_S = np.arange(SAMPLES) / 48_000


def voice(path: Path) -> Sound:
    sound = np.repeat(read_wav(path)[: SAMPLES // 2, 0], 2) / 32768
    return np.asarray(0.05 * sound / sound.std())


def by(level_db: float, sound: Sound) -> Sound:
    return np.asarray(sound * 10 ** (level_db / 20))


A, B = voice(VOICE_A), voice(VOICE_B)
NOISE = RANDOM.normal(0, 0.05, SAMPLES)
LOUDNESS_B = np.sqrt(np.convolve(B**2, np.ones(960) / 960, "same"))
WHISPER = LOUDNESS_B * RANDOM.normal(0, 1, SAMPLES)
SILENCE = np.zeros(SAMPLES)

VOICES = {
    "as loud": (A, B),
    "lower": (A, by(-15, B)),
    "quiet, alone": (SILENCE, by(-30, B)),
    "whispered, alone": (SILENCE, by(-25, WHISPER)),
    "over noise": (SILENCE, by(-20, B) + by(-32, NOISE)),
    "one word": (A, np.where(abs(TIME_S - 1.3) < 0.3, B, by(-40, NOISE))),
    "in turn": (np.where(TIME_S < 2, A, 0), np.where(TIME_S < 2, 0, B)),
    "beside a fan": (NOISE, by(-10, B)),
    "with the other one": (A, B + by(-20, A)),
}
ROOMS = {
    "noise": (A, by(-20, NOISE)),
    "loud noise": (A, by(-6, NOISE)),
    "noise, alone": (SILENCE, by(-20, NOISE)),
    "noise for a while": (A, np.where(TIME_S < 2, by(-20, NOISE), 0)),
    "the other one": (A, by(-20, A)),
    "the other one, nearer": (A, by(-12, A)),
    "the other one over noise": (A, by(-20, A) + by(-35, NOISE)),
    "a knock": (A, by(-40, NOISE) + np.where(abs(TIME_S - 1) < 0.02, NOISE, 0)),
    "breath": (A, by(-25, NOISE) * np.sin(2 * TIME_S).clip(0)),
}


@pytest.mark.parametrize("name", VOICES | ROOMS)
def test_who_stands_still_fails_for_a_voice_only(name: str) -> None:
    other, own = (
        compute_envelope([sound.astype(np.float32)], FRAMES, FPS)
        for sound in (VOICES | ROOMS)[name]
    )
    follows = (0.02 + 0.2 * np.roll(other, -1)).astype(np.float32)
    jitter = RANDOM.normal(0.03, 0.003, FRAMES).astype(np.float32)
    found = judge_speakers([jitter, follows], [own, other])
    assert found and "left one's lips do not move" in found.message
    assert found.verdict is (Verdict.FAIL if name in VOICES else Verdict.WARN)
