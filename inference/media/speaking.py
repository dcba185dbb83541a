"""Speech synthesis of typed lines; runs offline in the sandbox.

The package brings one English voice. The second speaker is the same voice, spoken faster and
played slower: pitch and formants drop together, as in a larger person, and the tempo stays.
"""

import json
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
from hibari import Hibari
from hibari.voices import voice_path
from numpy.typing import NDArray
from scipy.signal import resample_poly

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.media.level import measure_recording
from inference.media.phrases import Phrase
from inference.media.speech_synthesis import Line, Sentence, SynthesizedSpeech

Floats = NDArray[np.float32]

VOICE = "heart"
PITCH_FACTORS = (Fraction(1), Fraction(4, 5))  # for each speaker; formants scale along
_PEAK = 0.7  # of full scale, -3 dBFS
_LEAD_SILENCE_S, _GAP_SILENCE_S, _TAIL_SILENCE_S = 0.1, 0.3, 0.2


def speak_lines(source: Path, target: Path) -> SynthesizedSpeech:
    """Write the lines in the JSON file `source` as a recording to `target`.

    Returns its measurements, and the phrase and the sentences of each line.
    """
    lines = [Line(**line) for line in json.loads(source.read_text(encoding="utf-8"))]
    # the path of the voice in the package, so that none is ever downloaded
    engine = Hibari(VOICE, model=voice_path(VOICE, download_missing=False))
    split = [engine.split_sentences(line.words) for line in lines]
    parts = [
        [_speak_words(engine, words, line.speaker) for words in sentences]
        for line, sentences in zip(lines, split, strict=True)
    ]
    sound, phrases = _join_lines([np.concatenate([*sounds, _silence(0)]) for sounds in parts])
    times = map(_place_sentences, split, parts, phrases)
    pcm = np.rint(sound * (_PEAK * 32767 / max(float(np.abs(sound).max()), 1e-6)))
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm.astype(np.int16).tobytes())
    speakers = tuple(line.speaker for line in lines)
    return SynthesizedSpeech(measure_recording(target), phrases, speakers, tuple(times))


def _speak_words(engine: Hibari, words: str, speaker: int) -> Floats:
    """Return a sentence in its speaker's voice, float32 mono at 48 kHz; deterministic."""
    factor = PITCH_FACTORS[speaker]
    sound: Floats = engine(words, speed=float(1 / factor), seed=0)
    if not len(sound):
        return sound  # no pronounceable word in it
    rate = Fraction(SAMPLE_RATE_HZ, engine.sample_rate) / factor
    return np.asarray(resample_poly(sound, rate.numerator, rate.denominator), np.float32)


def _join_lines(sounds: list[Floats]) -> tuple[Floats, tuple[Phrase, ...]]:
    """Return the lines in sequence with silence in between, and the phrase of each."""
    parts, phrases, at_s = [_silence(_LEAD_SILENCE_S)], [], _LEAD_SILENCE_S
    for sound in sounds:
        end_s = at_s + len(sound) / SAMPLE_RATE_HZ
        phrases.append(Phrase(round(at_s, 3), round(end_s, 3)))
        parts += [sound, _silence(_GAP_SILENCE_S)]
        at_s = end_s + _GAP_SILENCE_S
    parts[-1] = _silence(_TAIL_SILENCE_S)
    return np.concatenate(parts), tuple(phrases)


def _place_sentences(
    sentences: list[str], sounds: list[Floats], line: Phrase
) -> tuple[Sentence, ...]:
    """Return the sentences of a line, each at the time at which its sound is heard."""
    ends = line.start_s + np.cumsum([len(sound) for sound in sounds]) / SAMPLE_RATE_HZ
    starts = [line.start_s, *ends[:-1]]
    return tuple(
        Sentence(words, round(float(start), 3), round(float(end), 3))
        for words, start, end in zip(sentences, starts, ends, strict=True)
        if end > start
    )


def _silence(seconds: float) -> Floats:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)
