"""Inputs of a video: measures of its picture and recordings, and the shapes and parts chosen.

Plain dataclasses, so that the processes that decode uploads start fast.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from inference.core.errors import InputCode, InputError

SAMPLE_RATE_HZ = 48_000  # of every clean recording and of the finished sound
MIN_RECORDING_S = 0.4  # a shorter one has no measurable loudness (ITU-R BS.1770 block length)
MAX_PICTURE_MIB, MAX_RECORDING_MIB = 20, 100  # of an untrusted file
LONGEST_SIDE_PX = 2048  # of a clean picture
SILENCE_DBFS = -60.0  # a recording whose peak is at or below this holds no voice
TURNS = (0, 90, 180, 270)  # degrees clockwise by which a picture can be turned
QUIET_DBFS = -30.0  # a voice whose RMS is lower is hard to hear; it is raised


class Shape(StrEnum):
    """Shape of the finished frame, as it is chosen; see `inference.core.framing.measure_frame`."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"
    SQUARE = "square"
    PICTURE = "picture"  # the nearest to the picture's own
    WIDE = "16:9"
    TALL = "9:16"


@dataclass(frozen=True)
class FrameSize:
    """Size of the finished frame, in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


# The first three are in the model's bucket table, the other two are the base model's own sizes.
FRAME_SIZES = MappingProxyType(
    {
        Shape.LANDSCAPE: FrameSize(896, 448),
        Shape.PORTRAIT: FrameSize(448, 896),
        Shape.SQUARE: FrameSize(640, 640),
        Shape.WIDE: FrameSize(832, 480),
        Shape.TALL: FrameSize(480, 832),
    }
)


class Speaking(StrEnum):
    """Order of two recordings: both from 0, or the second after the first."""

    TOGETHER = "together"
    IN_TURN = "in-turn"


@dataclass(frozen=True)
class Box:
    """Rectangle in pixels of the upright (EXIF-rotated) source picture."""

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

    @property
    def middle_x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def middle_y(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Trim:
    """Part of the joined recordings to use, in seconds."""

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
    """Crop chosen by hand, in upright source pixels; its height follows from the shape."""

    left: int
    top: int
    width: int


@dataclass(frozen=True)
class Face:
    """Face as the detector found it; `score` is its certainty, 0 to 1.

    `roll_rad` is the angle of the line from the left eye to the right one, positive clockwise; None
    for a box drawn by hand, and for faces of before. `mouth_hidden`: something is in front of it.
    """

    box: Box
    score: float
    # Not in the repr, of which the stored keys of drafts are made: no draft is made again.
    roll_rad: float | None = field(default=None, repr=False)
    mouth_hidden: bool = field(default=False, repr=False)


@dataclass(frozen=True)
class Picture:
    """Measures of a picture: upright size in pixels and the faces, left to right.

    `turned` are the degrees clockwise, 0 to 270, by which it was turned after its EXIF orientation.
    """

    width: int
    height: int
    faces: tuple[Face, ...] = ()
    turned: int = field(default=0, repr=False)

    def measure_in(self, width: int, height: int) -> "Picture":
        """Return the same picture, measured in pixels of a copy that was this large unturned."""
        if self.turned % 180:
            width, height = height, width
        x, y = width / self.width, height / self.height
        faces = tuple(
            replace(face, box=Box(box.left * x, box.top * y, box.right * x, box.bottom * y))
            for face in self.faces
            for box in [face.box]
        )
        return replace(self, width=width, height=height, faces=faces)


@dataclass(frozen=True)
class Recording:
    """Measures of one recording, after decoding to `SAMPLE_RATE_HZ`.

    `samples` counts per channel; `peak_dbfs` and `level_dbfs` (RMS) are at most 0. `is_shared`:
    parts of it are in the other speaker's recording as well, in each half as loud.
    """

    samples: int
    channels: int
    peak_dbfs: float
    level_dbfs: float
    is_shared: bool = False

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


def require_turn(turn: int | None) -> None:
    """Raise InputError for any other turn than None and `TURNS`."""
    if turn is not None and turn not in TURNS:
        message = f"A picture can't be turned by {turn} degrees. Use 0, 90, 180 or 270."
        raise InputError(InputCode.BAD_OPTION, message)


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
