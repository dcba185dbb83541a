"""The drawn recording follows its loudness."""

from pathlib import Path

from tests.support.bad_files import write_wav
from tests.support.media import VOICE_A
from ui.session.waveform import compute_bars


def test_sound_is_high_and_silence_is_flat(tmp_path: Path) -> None:
    drawn = compute_bars(write_wav(tmp_path / "half.wav", seconds=1, level=0.1, silence_s=1), 40)
    assert len(drawn) == 40
    assert max(drawn) == 1
    assert min(drawn[:20]) > 0.5
    assert max(drawn[20:]) == 0


def test_all_of_a_long_recording_is_drawn() -> None:
    drawn = compute_bars(VOICE_A, 10)
    assert all(0 < height <= 1 for height in drawn)


def test_silence_and_the_shortest_sound_can_be_drawn(tmp_path: Path) -> None:
    assert compute_bars(write_wav(tmp_path / "flat.wav", seconds=1, level=0), 8) == (0,) * 8
    assert len(compute_bars(write_wav(tmp_path / "short.wav", seconds=0.0001, level=0.1), 8)) == 8
