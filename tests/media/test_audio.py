"""The finished sound is exact to the sample, keeps the person's own audio, and never clips."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from inference.core.inputs import QUIET_DBFS
from inference.core.timing import Span
from inference.media.audio import MAX_GAIN_DB, MAX_PEAK_DBFS, TARGET_DBFS, read_mono, write_sound
from tests.support.media import ROOT
from tests.support.sounds import Samples, chirps, read_wav, write_wav

RATE_HZ = 48_000


def loud(samples: int, channels: int = 1) -> Samples:
    """Louder than a low voice, so that it is left as it is."""
    return chirps(samples, RATE_HZ, channels)


def made(
    tmp_path: Path, samples: int, *voices: tuple[Samples, Span], shared: bool = False
) -> Samples:
    """What `write_sound` makes of these recordings."""
    paths = [write_wav(tmp_path / f"{n}.wav", sound) for n, (sound, _) in enumerate(voices)]
    write_sound(paths, [span for _, span in voices], samples, tmp_path / "sound.wav", shared)
    return read_wav(tmp_path / "sound.wav")


def level_dbfs(sound: Samples) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) / 32768**2))


def peak_dbfs(sound: Samples) -> float:
    return float(20 * np.log10(np.abs(sound.astype(np.float64)).max() / 32768))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [40_320, 480_000, 1_000_000, 479_999, 480_001, 7])
def test_one_voice_stays_as_it_is_padded_with_silence(
    samples: int, channels: int, tmp_path: Path
) -> None:
    voice = loud(max(1, samples - 1234), channels)
    sound = made(tmp_path, samples, (voice, Span(0, 0, len(voice))))
    assert sound.shape == (samples, channels)
    assert np.array_equal(sound[: len(voice)], voice)
    assert not sound[len(voice) :].any()


def test_the_trimmed_part_is_used(tmp_path: Path) -> None:
    voice = loud(700_000)
    sound = made(tmp_path, 599_040, (voice, Span(12_345, 0, 600_000)))
    assert np.array_equal(sound, voice[12_345 : 12_345 + 599_040])


def test_in_turn_the_second_follows_the_first(tmp_path: Path) -> None:
    first, second = loud(500_001), loud(300_000, 2)
    spans = Span(0, 0, 500_001), Span(0, 500_001, 300_000)
    sound = made(tmp_path, 806_400, (first, spans[0]), (second, spans[1]))
    assert sound.shape == (806_400, 2)
    assert np.array_equal(sound[:500_001], np.repeat(first, 2, 1))
    assert np.array_equal(sound[500_001:800_001], second)
    assert not sound[800_001:].any()


def test_one_that_is_trimmed_away_is_not_heard(tmp_path: Path) -> None:
    first, second = loud(100_000), loud(100_000)
    spans = Span(100_000, 0, 0), Span(20_000, 0, 80_000)
    sound = made(tmp_path, 80_640, (first, spans[0]), (second, spans[1]))
    assert np.array_equal(sound[:80_000], second[20_000:])


def test_together_both_are_heard_over_each_other(tmp_path: Path) -> None:
    first, second = loud(600_000), np.roll(loud(500_000), 9999, 0) // 2
    spans = Span(0, 0, 600_000), Span(0, 0, 500_000)
    sound = made(tmp_path, 600_960, (first, spans[0]), (second, spans[1]))
    expected = first.astype(np.int32)
    expected[:500_000] += second
    assert np.abs(sound[:600_000] - expected).max() <= 1


def test_a_mix_never_clips(tmp_path: Path) -> None:
    voice = np.rint(loud(600_000, 2) * 2.4).astype(np.int16)
    span = Span(0, 0, 600_000)
    sound = made(tmp_path, 600_000, (voice, span), (voice, span))
    assert peak_dbfs(sound) == pytest.approx(MAX_PEAK_DBFS, abs=0.05)
    scale = np.abs(sound).max() / np.abs(voice).max()
    assert np.abs(sound - voice * scale).max() <= 4  # lowered as a whole: no distortion


@pytest.mark.parametrize("factor", [0.15, 0.08])
def test_a_low_voice_is_raised(factor: float, tmp_path: Path) -> None:
    voice = np.rint(loud(600_000) * factor).astype(np.int16)
    sound = made(tmp_path, 720_000, (voice, Span(0, 0, 600_000)))
    gain_db = min(TARGET_DBFS - level_dbfs(voice), MAX_PEAK_DBFS - peak_dbfs(voice))
    assert gain_db > 0
    assert level_dbfs(sound[:600_000]) == pytest.approx(level_dbfs(voice) + gain_db, abs=0.1)
    assert peak_dbfs(sound) <= MAX_PEAK_DBFS + 0.01


def test_a_voice_that_is_just_loud_enough_is_left_alone(tmp_path: Path) -> None:
    loudest = loud(600_000)
    factor = 10 ** ((QUIET_DBFS + 1 - level_dbfs(loudest)) / 20)
    voice = np.rint(loudest * factor).astype(np.int16)
    assert np.array_equal(made(tmp_path, 600_000, (voice, Span(0, 0, 600_000))), voice)


def test_one_who_says_little_is_raised_no_more_than_one_who_says_much(tmp_path: Path) -> None:
    voice = np.rint(loud(600_000) * 0.15).astype(np.int16)
    parted = [voice.copy(), voice.copy()]
    parted[0][60_000:] = 0
    parted[1][:60_000] = 0
    span = Span(0, 0, 600_000)
    whole = made(tmp_path, 600_000, (voice, span))
    both = made(tmp_path, 600_000, (parted[0], span), (parted[1], span))
    for part in (slice(0, 60_000), slice(60_000, None)):
        assert level_dbfs(both[part]) == pytest.approx(level_dbfs(whole[part]), abs=0.7)


def test_what_both_say_is_as_loud_as_in_the_recording(tmp_path: Path) -> None:
    loudest, span = loud(600_000), Span(0, 0, 600_000)
    for above_db in (1, -6):
        factor = 10 ** ((QUIET_DBFS + above_db - level_dbfs(loudest)) / 20)
        voice = np.rint(loudest * factor).astype(np.int16)
        half = voice // 2
        only = half.copy()
        only[300_000:] = 0
        alone = made(tmp_path, 600_000, (voice, span))[:300_000]
        both = made(tmp_path, 600_000, (half, span), (only, span), shared=True)[:300_000]
        assert level_dbfs(both) == pytest.approx(level_dbfs(alone), abs=0.1)


def test_raising_stops_at_a_peak_and_at_its_most(tmp_path: Path) -> None:
    faint = np.rint(loud(480_000) * 0.01).astype(np.int16)
    span = Span(0, 0, 480_000)
    raised_db = level_dbfs(made(tmp_path, 480_000, (faint, span))) - level_dbfs(faint)
    assert raised_db == pytest.approx(MAX_GAIN_DB, abs=0.2)
    faint[1000] = 10_000
    sound = made(tmp_path, 480_000, (faint, span))
    assert peak_dbfs(sound) == pytest.approx(MAX_PEAK_DBFS, abs=0.01)


def test_the_listeners_silence_is_not_raised(tmp_path: Path) -> None:
    voice, noise = loud(96_000), np.full((96_000, 1), 20, np.int16)
    span = Span(0, 0, 96_000)
    assert np.array_equal(made(tmp_path, 96_000, (noise, span)), noise)
    both = made(tmp_path, 96_000, (voice, span), (noise, span))
    assert np.abs(both - (voice.astype(np.int32) + 20)).max() <= 1


def test_nothing_is_left_when_a_recording_is_missing(tmp_path: Path) -> None:
    span = Span(0, 0, 10)
    with pytest.raises(FileNotFoundError):
        write_sound([tmp_path / "none.wav"], [span], 1920, tmp_path / "sound.wav")
    assert not list(tmp_path.iterdir())


def test_a_speakers_track_lies_where_it_sounds(tmp_path: Path) -> None:
    voice = loud(700_000, 2)
    path = write_wav(tmp_path / "a.wav", voice)
    track = read_mono(path, Span(90_000, 60_000, 600_000), 720_000)
    assert track.shape == (240_000,) and track.dtype == np.float32
    expected = np.zeros(240_000)
    expected[20_000:220_000] = voice[90_000:690_000:3].mean(1) / 32768
    # its tones are far below 8 kHz, so that plain samples are right but for the cut edges
    assert np.abs(track - expected)[20_100:219_900].max() < 0.002
    assert np.abs(track[:19_950]).max() < 1e-4 and np.abs(track[220_050:]).max() < 1e-4


def test_resampling_keeps_what_fits_and_removes_the_rest(tmp_path: Path) -> None:
    time = np.arange(960_000) / RATE_HZ
    for frequency_hz, kept in ((300, 1.0), (5000, 1.0), (12_000, 0.0), (15_700, 0.0)):
        sine = np.rint(20_000 * np.sin(2 * np.pi * frequency_hz * time)).astype(np.int16)
        path = write_wav(tmp_path / "a.wav", sine[:, None])
        track = read_mono(path, Span(0, 0, 960_000), 960_000)[100:-100]
        level = np.sqrt(np.mean(track**2)) / (20_000 / 32768 / np.sqrt(2))
        assert level == pytest.approx(kept, abs=0.01)
        # also where the blocks meet, every 10 s
        assert np.abs(track[159_800:160_100]).max() <= (kept + 0.01) * 20_000 / 32768


def test_a_long_recording_costs_little_memory(tmp_path: Path) -> None:
    samples = 120 * RATE_HZ
    path = write_wav(tmp_path / "a.wav", np.resize(loud(RATE_HZ, 2), (samples, 2)))
    span = Span(0, 0, samples)
    tracemalloc.start()
    try:
        read_mono(path, span, samples)
        assert tracemalloc.get_traced_memory()[1] < 40e6
        tracemalloc.reset_peak()
        write_sound([path, path], [span, span], samples, tmp_path / "sound.wav")
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


def test_importing_it_says_nothing() -> None:
    command = [sys.executable, "-W", "error", "-B", "-c", "import inference.media.audio"]
    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": "/nonexistent"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
