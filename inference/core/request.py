"""What the person asked for and what was measured of their files. Data, checked when built."""

from dataclasses import dataclass
from enum import StrEnum

from inference.core.errors import InputCode, InputError
from inference.core.tuning import Tuning
from presets.scenes import DEFAULT_PROMPTS, NEGATIVE_PROMPT
from presets.schema import Bounds

SAMPLE_RATE_HZ = 48_000  # of every clean recording and of the finished sound
MIN_RECORDING_S = 0.4  # a shorter one has no measurable loudness (ITU-R BS.1770 block length)
MAX_PICTURE_MIB, MAX_RECORDING_MIB = 20, 100  # of an untrusted file
SILENCE_DBFS = -60.0  # a recording whose peak is at or below this holds no voice
MAX_SEED = 2**32 - 1
MAX_PROMPT_CHARS = 2000  # characters; a little more than the 512 tokens that the model reads

QUIET_DBFS = -30.0  # a voice whose RMS is lower is hard to hear; it is raised


class Shape(StrEnum):
    """The shape of the finished frame. All three are in the model's 480p bucket table."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"
    SQUARE = "square"

    @property
    def width(self) -> int:
        """Width of the finished frame in pixels."""
        return {"landscape": 896, "portrait": 448, "square": 640}[self]

    @property
    def height(self) -> int:
        """Height of the finished frame in pixels."""
        return {"landscape": 448, "portrait": 896, "square": 640}[self]


class Speaking(StrEnum):
    """How two recordings are joined: both from 0, or the second after the first."""

    TOGETHER = "together"
    IN_TURN = "in-turn"


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright (EXIF-rotated) source picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class Face:
    """One face as the detector found it; `score` is its certainty, 0 to 1."""

    box: Box
    score: float


@dataclass(frozen=True)
class Picture:
    """What was measured of the picture: upright size in pixels and the faces, left to right."""

    width: int
    height: int
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True)
class Recording:
    """What was measured of one recording, after decoding to `SAMPLE_RATE_HZ`.

    `samples` counts per channel; `peak_dbfs` and `level_dbfs` (RMS) are at most 0.
    """

    samples: int
    channels: int
    peak_dbfs: float
    level_dbfs: float

    @property
    def duration_s(self) -> float:
        return self.samples / SAMPLE_RATE_HZ

    @property
    def is_quiet(self) -> bool:
        return self.level_dbfs < QUIET_DBFS

    @property
    def is_silent(self) -> bool:
        return self.peak_dbfs <= SILENCE_DBFS


@dataclass(frozen=True)
class Trim:
    """The part of the joined recordings to use, in seconds."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s:
            raise InputError(
                InputCode.BAD_OPTION,
                f"The part {self.start_s:g}-{self.end_s:g} is empty. "
                "Give a start and a later end in seconds, such as 0-40.",
            )


@dataclass(frozen=True)
class CropChoice:
    """The person's own crop, in upright source pixels; its height follows from the shape."""

    left: int
    top: int
    width: int


@dataclass(frozen=True)
class Request:
    """What the person asked for. `recordings` holds one or two, left speaker first.

    `speakers`: the face of each recording's speaker, when someone chose them; empty: the largest.
    `quality` names a preset; `steps`, `text_guidance` and `audio_guidance` are used instead of its
    own, which has narrower bounds: see `inference.core.tuning`. `prompt` is what is to be seen,
    `negative_prompt` what is not; empty: the usual. `seed` is 0 to MOST_SEED.
    """

    picture: Picture
    recordings: tuple[Recording, ...]
    speaking: Speaking = Speaking.TOGETHER
    shape: Shape = Shape.LANDSCAPE
    trim: Trim | None = None
    crop: CropChoice | None = None
    speakers: tuple[Box, ...] = ()
    quality: str = "draft"
    prompt: str = ""
    seed: int = 42
    steps: int | None = None
    negative_prompt: str = ""
    text_guidance: float | None = None
    audio_guidance: float | None = None

    def __post_init__(self) -> None:
        require_one_or_two(len(self.recordings))
        if self.speakers and len(self.speakers) != len(self.recordings):
            raise InputError(
                InputCode.BAD_OPTION,
                f"Speakers chosen: {len(self.speakers)}, recordings: {len(self.recordings)}. "
                "Give each speaker a recording.",
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(
                InputCode.BAD_OPTION,
                f"The seed {self.seed} is out of range. Use a whole number from 0 to {MAX_SEED}.",
            )
        self.tuning.require_within(Bounds())
        for words in (self.prompt, self.negative_prompt):
            _require_prompt_length(words)
        for recording in self.recordings:
            require_long_enough(recording.duration_s)
        if all(recording.is_silent for recording in self.recordings):
            raise InputError(
                InputCode.SILENT, "No voice is heard in this recording. Choose another recording."
            )

    @property
    def prompts(self) -> tuple[str, str]:
        """What is to be seen, and what is not: the usual where nothing was written."""
        usual = DEFAULT_PROMPTS[len(self.recordings)]
        return self.prompt.strip() or usual, self.negative_prompt.strip() or NEGATIVE_PROMPT

    @property
    def tuning(self) -> Tuning:
        """What is used instead of the quality's own."""
        return Tuning(self.steps, self.text_guidance, self.audio_guidance)


def _require_prompt_length(words: str) -> None:
    if len(words) > MAX_PROMPT_CHARS:
        raise InputError(
            InputCode.BAD_OPTION,
            f"The scene is described in {len(words)} characters; {MAX_PROMPT_CHARS} is the most. "
            "Use fewer words.",
        )


def require_one_or_two(recordings: int) -> None:
    """Refuse, as an `InputError`, any other number of recordings."""
    if not 1 <= recordings <= 2:
        raise InputError(
            InputCode.BAD_OPTION,
            f"{recordings} recordings were given; one or two can speak. "
            "Give one recording for each of at most two people.",
        )


def require_long_enough(duration_s: float) -> None:
    """Refuse, as an `InputError`, a recording under `MIN_RECORDING_S`."""
    if duration_s < MIN_RECORDING_S:
        raise InputError(
            InputCode.TOO_SHORT,
            f"This recording is {duration_s:.1f} s long; at least {MIN_RECORDING_S:g} s is needed. "
            "Record a little more.",
        )
