"""What a mouth does, as a person would see it, to a made-up voice and to real ones."""

import tracemalloc
import wave
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, resample_poly, sosfiltfilt

from inference.core.timing import FPS
from inference.draft.voice.speech import LEAD_S, MouthCurves, analyse
from tests.support.media import VOICE_A, VOICE_B
from tests.support.synthetic_voice import (
    AH,
    EE,
    OO,
    RATE_HZ,
    Floats,
    between_lips,
    hiss,
    murmur,
    said,
    silence,
    vowel,
)

FRAME = RATE_HZ // FPS  # samples
CURVES = [field.name for field in fields(MouthCurves)]
SHUT, TOUCHING = 0.02, 0.05


def curves_of(sound: Floats) -> MouthCurves:
    return analyse(sound, len(sound) // FRAME)


def shown(curve: Floats, start_s: float, end_s: float) -> Floats:
    """The frames whose middles show what is heard from `start_s` to `end_s`."""
    heard_s = (np.arange(len(curve)) + 0.5) / FPS + LEAD_S
    return curve[(heard_s >= start_s) & (heard_s < end_s)]


def envelope(sound: Floats, frames: int, shift_s: float = 0) -> Floats:
    """Loudness of each frame moved by `shift_s`: root of the RMS from 300 to 3500 Hz."""
    band = sosfiltfilt(butter(2, [300, 3500], "bandpass", fs=RATE_HZ, output="sos"), sound)
    margin = RATE_HZ
    band = np.concatenate([np.zeros(margin), band, np.zeros(frames * FRAME + margin)])
    first = margin + round(shift_s * RATE_HZ)
    power = band[first : first + frames * FRAME].reshape(frames, FRAME) ** 2
    return np.asarray(np.sqrt(np.sqrt(power.mean(1))), np.float32)


def recording(path: Path) -> Floats:
    with wave.open(str(path)) as file:
        assert file.getframerate() == 24_000 and file.getnchannels() == 1
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return np.asarray(resample_poly(samples / 32768, 2, 3), np.float32)


@pytest.fixture(scope="module")
def babble() -> tuple[Floats, list[float]]:
    """A pause, "aba ama umu ipi", a pause; every second sound from the third on is a closure."""
    ah, ee, oo = (between_lips(vowel(shape, 0.3)) for shape in (AH, EE, OO))
    return said(
        *(silence(0.6), ah, silence(0.06), ah, murmur(1300, 0.07), oo, murmur(1300, 0.08)),
        *(oo, silence(0.07), ah, silence(0.08), ee, murmur(1300, 0.06), ah, silence(0.8)),
    )


def test_every_lip_closure_shuts_the_mouth(babble: tuple[Floats, list[float]]) -> None:
    sound, starts = babble
    curves = curves_of(sound)
    for start_s, end_s in list(zip(starts, starts[1:], strict=False))[2:-1:2]:
        held = shown(curves.opening, start_s - 0.02, end_s + 0.02)
        assert held.min() <= TOUCHING, start_s
        assert shown(curves.closure, start_s - 0.02, end_s + 0.02).max() >= 0.5, start_s


def test_the_mouth_is_open_between_closures(babble: tuple[Floats, list[float]]) -> None:
    sound, starts = babble
    curves = curves_of(sound)
    for start_s, end_s in list(zip(starts, starts[1:], strict=False))[1:-1:2]:
        middle = (start_s + 0.08, end_s - 0.08)
        assert shown(curves.opening, *middle).min() > 0.25, start_s
        assert shown(curves.closure, *middle).max() == 0, start_s


def test_where_lips_are_pressed_the_mouth_is_not_open(
    babble: tuple[Floats, list[float]],
) -> None:
    curves = curves_of(babble[0])
    assert curves.opening[curves.closure == 1].max() == 0


def test_even_the_shortest_closure_shuts_one_frame_wherever_it_falls() -> None:
    ah = between_lips(vowel(AH, 0.4))
    for late_s in np.arange(0, 0.04, 0.005):
        sound, starts = said(silence(0.4 + late_s), ah, silence(0.04), ah, silence(0.4))
        opening = shown(curves_of(sound).opening, starts[2] - 0.03, starts[3] + 0.03)
        assert opening.min() <= TOUCHING, late_s


@pytest.mark.parametrize("pitch_hz", [100, 130])
def test_oo_is_round_and_ee_is_spread(pitch_hz: float) -> None:
    sounds = [vowel(shape, 0.4, pitch_hz) for shape in (AH, EE, OO, EE, AH, OO)]
    sound, starts = said(silence(0.3), *sounds, silence(0.3))
    curves = curves_of(sound)
    for shape, start_s in zip((AH, EE, OO, EE, AH, OO), starts[1:], strict=False):
        middle = (start_s + 0.1, start_s + 0.3)
        rounding = shown(curves.rounding, *middle).mean()
        spreading = shown(curves.spreading, *middle).mean()
        assert rounding > 0.8 if shape is OO else rounding < 0.05
        assert spreading > 0.6 if shape is EE else spreading < 0.05


def test_a_wide_vowel_opens_more_than_a_narrow_one() -> None:
    sound, starts = said(vowel(AH, 0.5), vowel(EE, 0.5))
    opening = curves_of(sound).opening
    wide, narrow = (shown(opening, start + 0.15, start + 0.35).mean() for start in starts)
    assert wide > narrow + 0.2


def test_hiss_shows_the_teeth_and_a_vowel_does_not() -> None:
    ah = vowel(AH, 0.4)
    sound, starts = said(ah, hiss(0.2), ah, silence(0.3), ah)
    curves = curves_of(sound)
    assert shown(curves.teeth, starts[1] + 0.05, starts[2] - 0.05).min() > 0.8
    assert shown(curves.teeth, starts[2] + 0.1, starts[2] + 0.3).max() < 0.05
    opening = shown(curves.opening, starts[1] + 0.05, starts[2] - 0.05)
    assert 0.05 < opening.min() and opening.max() < 0.3  # lips apart, teeth together


@pytest.mark.parametrize("noise_db", [None, -70, -50])
def test_in_silence_the_mouth_is_shut(
    babble: tuple[Floats, list[float]], noise_db: float | None
) -> None:
    sound, starts = babble
    if noise_db is not None:
        noise = np.random.default_rng(1).standard_normal(len(sound))
        sound = (sound + 10 ** (noise_db / 20) * noise).astype(np.float32)
    curves = curves_of(sound)
    for pause in ((0, starts[1] - 0.08), (starts[-1] + 0.08, starts[-1] + 0.8)):
        assert shown(curves.opening, *pause).max() <= SHUT
        for name in ("closure", "rounding", "spreading", "teeth"):
            assert shown(getattr(curves, name), *pause).max() <= 0.3, name


def test_pure_silence_and_no_sound_at_all() -> None:
    for sound in (silence(1.0), silence(0)):
        curves = analyse(sound, 25)
        for name in CURVES:
            assert not getattr(curves, name).any(), name


def test_the_mouth_leads_the_sound() -> None:
    lengths = (0.2, 0.31, 0.17, 0.26, 0.22, 0.29, 0.19)
    sounds = [part for s in lengths for part in (between_lips(vowel(AH, s)), silence(s))]
    sound, _ = said(silence(0.5), *sounds)
    opening = curves_of(sound).opening
    leads_s = np.arange(-0.1, 0.2, 0.005)
    likeness = [
        np.corrcoef(opening, envelope(sound, len(opening), lead_s))[0, 1] for lead_s in leads_s
    ]
    assert leads_s[np.argmax(likeness)] == pytest.approx(LEAD_S, abs=0.02)


@pytest.mark.parametrize("path", [VOICE_A, VOICE_B], ids=lambda path: path.stem)
def test_the_opening_follows_a_real_voice(path: Path) -> None:
    sound = recording(path)
    opening = curves_of(sound).opening
    likeness = {
        frames: np.corrcoef(opening, envelope(sound, len(opening), frames / FPS))[0, 1]
        for frames in range(-3, 5)
    }
    best = max(likeness, key=lambda frames: likeness[frames])
    assert abs(best - LEAD_S * FPS) <= 1
    assert likeness[best] > 0.85
    assert np.quantile(opening, 0.95) > 0.7


def test_a_quiet_passage_still_moves() -> None:
    loud = recording(VOICE_B)
    sound = np.concatenate([loud, silence(0.5), (0.15 * loud).astype(np.float32)])
    opening = curves_of(sound).opening
    passage = opening[-(len(loud) // FRAME) :]
    assert np.quantile(passage, 0.95) > 0.6
    assert np.quantile(passage, 0.05) <= SHUT


def test_gain_changes_nothing() -> None:
    sound = recording(VOICE_B)
    usual, low = curves_of(sound), curves_of((0.02 * sound).astype(np.float32))
    for name in CURVES:
        assert np.abs(getattr(usual, name) - getattr(low, name)).max() < 0.05, name


def test_silence_around_a_voice_changes_little() -> None:
    sound = recording(VOICE_B)
    alone = curves_of(sound).opening
    among = curves_of(np.concatenate([silence(20), sound, silence(10)])).opening[20 * FPS :]
    assert np.abs(among[10 : len(alone) - 10] - alone[10:-10]).mean() < 0.05


def test_the_same_sound_gives_the_same_curves() -> None:
    sound = recording(VOICE_A)
    first, second = curves_of(sound), curves_of(sound.copy())
    for name in CURVES:
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


@pytest.mark.parametrize("frames", [1, 21, 101, 401])
def test_there_are_as_many_frames_as_asked_for(frames: int) -> None:
    curves = analyse(recording(VOICE_B), frames)
    for name in CURVES:
        curve = getattr(curves, name)
        assert curve.dtype == np.float32 and curve.shape == (frames,)
        assert curve.min() >= 0 and curve.max() <= 1


def test_after_a_short_sound_the_mouth_stays_shut() -> None:
    opening = analyse(vowel(AH, 1.0), 50).opening
    assert opening[5:20].min() > 0.3
    assert opening[27:].max() <= SHUT


def test_two_minutes_take_little_memory() -> None:
    sound = np.resize(recording(VOICE_A), 120 * RATE_HZ)
    analyse(sound[:RATE_HZ], FPS)
    tracemalloc.start()
    try:
        analyse(sound, 120 * FPS)
        assert tracemalloc.get_traced_memory()[1] < 25e6
    finally:
        tracemalloc.stop()
