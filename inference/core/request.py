"""Request for a video: the options of a job and what was measured of its files."""

from dataclasses import dataclass, fields
from typing import Self

from pydantic import dataclasses as checked

from inference.core.errors import InputCode, InputError
from inference.core.options import Box, JobOptions, Speaking, Trim
from presets.scenes import DEFAULT_PROMPTS, NEGATIVE_PROMPT

SAMPLE_RATE_HZ = 48_000  # of every clean recording and of the finished sound
MIN_RECORDING_S = 0.4  # a shorter one has no measurable loudness (ITU-R BS.1770 block length)
MAX_PICTURE_MIB, MAX_RECORDING_MIB = 20, 100  # of an untrusted file
SILENCE_DBFS = -60.0  # a recording whose peak is at or below this holds no voice

QUIET_DBFS = -30.0  # a voice whose RMS is lower is hard to hear; it is raised


@dataclass(frozen=True)
class Face:
    """Face as the detector found it; `score` is its certainty, 0 to 1."""

    box: Box
    score: float


@dataclass(frozen=True)
class Picture:
    """Measures of a picture: upright size in pixels and the faces, left to right."""

    width: int
    height: int
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True)
class Recording:
    """Measures of one recording, after decoding to `SAMPLE_RATE_HZ`.

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
class Soundtrack:
    """Recordings as they sound in the video: one or two, left speaker first.

    Raises InputError when one is too short or none holds a voice.
    """

    recordings: tuple[Recording, ...]
    speaking: Speaking
    trim: Trim | None = None

    def __post_init__(self) -> None:
        require_one_or_two(len(self.recordings))
        for recording in self.recordings:
            require_long_enough(recording.duration_s)
        if all(recording.is_silent for recording in self.recordings):
            raise InputError(
                InputCode.SILENT, "No voice is heard in this recording. Choose another recording."
            )


@dataclass(frozen=True)
class Media:
    """Measured picture and recordings of a request, left speaker first."""

    picture: Picture
    recordings: tuple[Recording, ...]


@checked.dataclass(frozen=True)
class Request(JobOptions, Media):
    """Options of a job together with what was measured of its files.

    `speakers`, when chosen, are as many as the recordings. Raises InputError.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.speakers and len(self.speakers) != len(self.recordings):
            raise InputError(
                InputCode.BAD_OPTION,
                f"Speakers chosen: {len(self.speakers)}, recordings: {len(self.recordings)}. "
                "Give each speaker a recording.",
            )
        Soundtrack(self.recordings, self.speaking, self.trim)

    @classmethod
    def from_options(
        cls, options: JobOptions, picture: Picture, recordings: tuple[Recording, ...]
    ) -> Self:
        """Return the request for measured files with `options`. Raises InputError."""
        chosen = {field.name: getattr(options, field.name) for field in fields(JobOptions)}
        return cls(picture, recordings, **chosen)

    @property
    def soundtrack(self) -> Soundtrack:
        """Input of the video's timing."""
        return Soundtrack(self.recordings, self.speaking, self.trim)

    @property
    def prompts(self) -> tuple[str, str]:
        """Prompt and negative prompt, each the default one where none was written."""
        default = DEFAULT_PROMPTS[len(self.recordings)]
        return self.prompt.strip() or default, self.negative_prompt.strip() or NEGATIVE_PROMPT


def require_one_or_two(recordings: int) -> None:
    """Raise InputError for any other number of recordings."""
    if not 1 <= recordings <= 2:
        raise InputError(
            InputCode.BAD_OPTION,
            f"{recordings} recordings were given; one or two can speak. "
            "Give one recording for each of at most two people.",
        )


def require_long_enough(duration_s: float) -> None:
    """Raise InputError for a recording under `MIN_RECORDING_S`."""
    if duration_s < MIN_RECORDING_S:
        raise InputError(
            InputCode.TOO_SHORT,
            f"This recording is {duration_s:.1f} s long; at least {MIN_RECORDING_S:g} s is needed. "
            "Record a little more.",
        )
