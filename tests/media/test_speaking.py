"""Typed lines are spoken by the real package, in the sandbox, each speaker with a voice."""

from pathlib import Path

import numpy as np
import pytest

from inference.media.speech_synthesis import Line, SynthesizedSpeech, synthesize_speech
from tests.support.sounds import read_wav

WORDS = "We are all alone on a long old road."
LINES = (Line(0, WORDS), Line(1, WORDS), Line(0, "😀"), Line(0, "Fine. Dr. Who is here!"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[SynthesizedSpeech, Path]:
    target = tmp_path_factory.mktemp("speech") / "typed.wav"
    return synthesize_speech(LINES, target), target


def pitch_hz(sound: np.ndarray) -> float:
    """The median pitch of mono sound at 48 kHz, by autocorrelation."""
    out = []
    for start in range(0, len(sound) - 2400, 1200):
        piece = sound[start : start + 2400] - sound[start : start + 2400].mean()
        likeness = np.correlate(piece, piece, "full")[2399:]
        lag = 120 + int(likeness[120:600].argmax())  # 80 to 400 Hz
        if likeness[lag] > 0.6 * likeness[0] > 0:
            out.append(48_000 / lag)
    return float(np.median(out))


def test_each_speaker_has_a_voice_at_the_same_pace(made: tuple[SynthesizedSpeech, Path]) -> None:
    spoken, target = made
    sound = read_wav(target)[:, 0].astype(float)
    first, second = (
        sound[round(part.start_s * 48_000) : round(part.end_s * 48_000)]
        for part in spoken.phrases[:2]
    )
    assert pitch_hz(second) / pitch_hz(first) == pytest.approx(0.8, abs=0.06)
    assert len(second) / len(first) == pytest.approx(1, abs=0.15)


def test_the_recording_is_clean_and_the_lines_lie_in_it_in_turn(
    made: tuple[SynthesizedSpeech, Path],
) -> None:
    spoken, target = made
    assert spoken.owners == (0, 1, 0, 0)
    assert spoken.recording.samples == len(read_wav(target)) and spoken.recording.channels == 1
    assert spoken.recording.peak_dbfs == pytest.approx(-3, abs=0.2)
    ends = [end for part in spoken.phrases for end in (part.start_s, part.end_s)]
    assert ends == sorted(ends) and ends[0] == 0.1
    assert ends[-1] == pytest.approx(spoken.recording.duration_s - 0.2, abs=0.01)
    assert not read_wav(target)[round((ends[1] + 0.01) * 48_000) : round(ends[2] * 48_000)].any()


def test_it_is_known_when_each_sentence_is_said(made: tuple[SynthesizedSpeech, Path]) -> None:
    spoken, target = made
    words = [[sentence.words for sentence in line] for line in spoken.sentences]
    assert words == [[WORDS], [WORDS], [], ["Fine.", "Dr. Who is here!"]]
    for line, part in zip(spoken.sentences, spoken.phrases, strict=True):
        times = [time for each in line for time in (each.start_s, each.end_s)]
        assert not times or (times[0], times[-1]) == (part.start_s, part.end_s)
        assert times == sorted(times)
    fine, who = spoken.sentences[3]
    assert fine.end_s == who.start_s and who.end_s - who.start_s > fine.end_s - fine.start_s > 0.2
