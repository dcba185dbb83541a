"""Speech synthesis of typed lines in the sandbox, where `speaking` does the work.

The voice comes with its package; nothing is downloaded.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.core.errors import InputCode
from inference.core.inputs import Recording
from inference.media.phrases import Phrase
from inference.media.sandbox.runner import DIRECT, Budget, Call, Operation, Sandbox

SPEECH_OPERATION = Operation(
    "inference.media.speaking:speak_lines",
    "text",
    InputCode.BAD_OPTION,
    InputCode.BAD_OPTION,
    Budget(cpu_s=60, wall_s=60),
)


@dataclass(frozen=True)
class Line:
    """Words to speak; `speaker` is 0 for the left or only one, 1 for the right one."""

    speaker: int
    words: str


@dataclass(frozen=True)
class Sentence:
    """Words that are spoken from `start_s` to `end_s` of a recording."""

    words: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class SynthesizedSpeech:
    """Recording of spoken lines, with phrase, speaker and sentences of each line in order."""

    recording: Recording
    phrases: tuple[Phrase, ...]
    owners: tuple[int, ...]
    sentences: tuple[tuple[Sentence, ...], ...]


def synthesize_speech(
    lines: Sequence[Line], target: Path, sandbox: Sandbox = DIRECT
) -> SynthesizedSpeech:
    """Write the lines in sequence to `target`, a clean recording; each speaker has a voice.

    Raises InputError when they can't be spoken, Fault when `target` can't be written; no `target`
    is left then.
    """
    source = target.with_suffix(".json")
    source.write_text(json.dumps([asdict(line) for line in lines]), encoding="utf-8")
    (values,) = sandbox.run(Call(SPEECH_OPERATION, source, target))
    return SynthesizedSpeech(
        Recording(**values["recording"]),
        tuple(Phrase(**phrase) for phrase in values["phrases"]),
        tuple(values["owners"]),
        tuple(tuple(Sentence(**each) for each in line) for line in values["sentences"]),
    )
