"""Session: everything one browser has open, as data.

Stored as JSON: the names of fields stay as they are.
"""

from dataclasses import dataclass, field
from typing import Literal

from inference.core.inputs import Box, CropChoice, Picture, Recording, Shape, Speaking, Trim
from inference.core.options import Tuning
from inference.media.phrases import Phrase
from inference.media.speech_synthesis import Sentence
from presets.quality import DEFAULT_QUALITY

Editor = Literal["", "framing", "trim", "typing", "split"]


@dataclass(frozen=True)
class StoredPicture:
    """Picture in a session.

    `name` is the visitor's own and reaches no path; `file` is the clean PNG, `preview` a smaller
    JPEG of it.
    """

    name: str
    file: str
    preview: str
    picture: Picture


@dataclass(frozen=True)
class StoredVoice:
    """Recording in a session.

    `bars`, each 0 to 1 high, draw it; `phrases` are the times with speech in it. `sentences` are
    those of typed text, where its words are known.
    """

    name: str
    file: str
    recording: Recording
    bars: tuple[float, ...]
    phrases: tuple[Phrase, ...] = ()
    sentences: tuple[Sentence, ...] = ()


Voices = tuple[StoredVoice | None, StoredVoice | None]  # of the left and of the right speaker


@dataclass(frozen=True)
class Choices:
    """Choices about the inputs.

    `speakers`: boxes of the chosen speakers, left to right; empty if the visitor chose none.
    `speaking_chosen`: by the visitor; else it follows from the recordings.
    `quality` is that of the final video. `tuned`: by quality, the values chosen instead of its own.
    """

    shape: Shape = Shape.LANDSCAPE
    speaking: Speaking = Speaking.IN_TURN
    speaking_chosen: bool = False
    crop: CropChoice | None = None
    trim: Trim | None = None
    speakers: tuple[Box, ...] = ()
    quality: str = DEFAULT_QUALITY
    prompt: str = ""
    seed: int = 42
    negative_prompt: str = ""
    tuned: dict[str, Tuning] = field(default_factory=dict)

    def get_tuning(self, quality: str) -> Tuning:
        """Return the values chosen instead of that quality's own."""
        return self.tuned.get(quality, Tuning())


@dataclass(frozen=True)
class Undo:
    """What an open editor may change, as it was; `picture` is the file that it belongs to."""

    picture: str = ""
    choices: Choices = field(default_factory=Choices)
    voices: Voices = (None, None)
    typed: str = ""
    cuts: tuple[float, ...] = ()
    owners: tuple[int, ...] = ()


@dataclass(frozen=True)
class Session:
    """Inputs, choices, jobs and open editors.

    `crop` is the file of the exact crop, drawn from the inputs in `cropped`. `draft` is the newest
    draft, `drafted` the fingerprint of its inputs, also after it was deleted. `before` is the draft
    shown until the newest is finished. `final` is the video made from the draft. `middle`: use a
    picture without a face. `advanced`, `tuning` and `boxes`: folds that are open. `typed`: text to
    speak. `whole`: the recording that both voices were split from, `cuts` the seconds at which it
    is cut, `owners` who says each part: 0 left, 1 right, 2 both. A session of before has no cuts:
    they are in the pauses. `undo`: what the open editor's Cancel restores.
    `selected`: the job open in the history, `deleting`: whether its deletion is to be confirmed.
    `chosen`: the jobs ticked there, `deleting_chosen`: likewise. `asking`: the command that waits
    for the statement that the face and the voice may be used, or that has just taken it back.
    """

    picture: StoredPicture | None = None
    voices: Voices = (None, None)
    choices: Choices = field(default_factory=Choices)
    crop: str | None = None
    cropped: str = ""
    draft: str | None = None
    drafted: str = ""
    before: str | None = None
    final: str | None = None
    middle: bool = False
    editing: Editor = ""
    advanced: bool = False
    tuning: bool = False
    boxes: bool = False
    typed: str = ""
    whole: StoredVoice | None = None
    cuts: tuple[float, ...] = ()
    owners: tuple[int, ...] = ()
    undo: Undo | None = None
    selected: str | None = None
    deleting: bool = False
    chosen: tuple[str, ...] = ()
    deleting_chosen: bool = False
    asking: str = ""

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that were started from the session."""
        return tuple(job for job in (self.draft, self.final) if job)

    @property
    def files(self) -> frozenset[str]:
        """Names of the files in the session."""
        names = [voice.file for voice in (*self.voices, self.whole) if voice] + [self.crop or ""]
        if self.picture:
            names += [self.picture.file, self.picture.preview]
        return frozenset(filter(None, names))
