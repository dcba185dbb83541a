"""Options of a job: one declaration for the command line, tables, the HTTP API and the page.

A field of `JobOptions` becomes an option of each command, a column of a table and a field of the
form; `OPTIONS` holds its help text and the way it is read from text.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum, StrEnum
from typing import Annotated, Any, get_args, get_origin

from pydantic import dataclasses as checked

from inference.core.errors import InputCode, InputError
from inference.core.inputs import Box, CropChoice, Shape, Speaking, Trim, require_turn
from presets.quality import DRAFT_QUALITY, PRESETS
from presets.schema import Bounds, Preset, Range, Sampling

MAX_SEED = 2**32 - 1
MAX_PROMPT_CHARS = 2000  # a little more than the 512 tokens that the model reads
_MADE_TIMES = {"16:09": "16:9", "09:16": "9:16"}  # what spreadsheets make of such a shape
_MAX_DIGITS = 12  # of a whole number: more than any option has
LABELS = {
    "steps": "Steps",
    "text_guidance": "How closely it follows the words",
    "audio_guidance": "How closely it follows the voice",
}

FILES = {
    "image": "A picture of one or two faces.",
    "audio": "A recording of the voice; of the left person of two.",
    "audio2": "A recording of the right person's voice.",
}
REQUIRED_FILES = ("image", "audio")


@dataclass(frozen=True)
class Tuning:
    """Chosen values, named as in `Sampling`; None: the quality's own."""

    steps: int | None = None
    text_guidance: float | None = None
    audio_guidance: float | None = None

    def apply(self, sampling: Sampling) -> Sampling:
        """Return `sampling` with the chosen values."""
        own = {name: value for name, value in vars(self).items() if value is not None}
        return replace(sampling, **own)

    def require_within(self, bounds: Bounds, quality: str = "") -> None:
        """Raise InputError for the first value out of `bounds`; `quality` is their title."""
        for name, value in vars(self).items():
            allowed: Range = getattr(bounds, name)
            if value is not None and value not in allowed:
                where = f" for {quality}" if quality else ""
                found = f"{LABELS[name]}: {value:g} is out of range{where}."
                message = f"{found} Use {format_range(allowed)}."
                raise InputError(InputCode.BAD_OPTION, message)


def format_range(allowed: Range) -> str:
    """Format a range as "2 to 12"; as "1" where there is no choice."""
    if allowed.minimum == allowed.maximum:
        return f"{allowed.minimum:g}"
    return f"{allowed.minimum:g} to {allowed.maximum:g}"


class Group(IntEnum):
    """Part of a job that an option belongs to, in the order of help texts."""

    INPUT = 0
    SCENE = 1
    SAMPLING = 2
    RECORD = 3  # kept with the job, and changes nothing in the video


class Permission(StrEnum):
    """Statement about a job: "I may use this face and this voice"."""

    STATED = "stated"
    NOT_STATED = "not-stated"


@dataclass(frozen=True)
class Option:
    """Help text of a field, and its text form where the type does not tell it.

    `metavar` is the pattern of a value that only exists as text on a command line.
    """

    group: Group
    help: str
    metavar: str | None = None
    parse: Callable[[str], Any] | None = None


def find_preset(quality: str) -> Preset:
    """Return the preset of that name. Raises InputError naming those there are."""
    if quality not in PRESETS:
        message = f"There is no quality {quality!r}. Use one of {', '.join(PRESETS)}."
        raise InputError(InputCode.BAD_OPTION, message)
    return PRESETS[quality]


@checked.dataclass(frozen=True)
class JobOptions:
    """Choices about one video, whatever its files are. Raises InputError when out of range.

    `speakers` are the faces that speak, left to right; empty: the largest. Only a page can choose
    them. `quality` names a preset; `steps` and guidance replace its own, within
    `Tuning`'s bounds. An empty prompt stands for the default scene.

    The order of fields is part of the stored keys of drafts.
    """

    speaking: Annotated[
        Speaking, Option(Group.INPUT, "Two voices at the same time, or in turn.")
    ] = Speaking.TOGETHER
    shape: Annotated[
        Shape, Option(Group.INPUT, "The shape of the video; picture: the nearest to the picture's.")
    ] = Shape.LANDSCAPE
    trim: Annotated[Trim | None, Option(Group.INPUT, "Seconds to use, as 0-40.", "A-B")] = None
    crop: Annotated[
        CropChoice | None,
        Option(Group.INPUT, "Crop, in pixels of the picture.", "LEFT,TOP,WIDTH"),
    ] = None
    speakers: tuple[Box, ...] = ()
    quality: Annotated[
        str,
        Option(
            Group.INPUT,
            f"One of {', '.join(PRESETS)}.",
            parse=lambda text: find_preset(text).name,
        ),
    ] = DRAFT_QUALITY
    prompt: Annotated[str, Option(Group.SCENE, "What the scene is like, for MultiTalk.")] = ""
    seed: Annotated[int, Option(Group.SAMPLING, "The same seed gives the same video.")] = 42
    steps: Annotated[int | None, Option(Group.SAMPLING, "Sampling steps, for MultiTalk.")] = None
    negative_prompt: Annotated[
        str, Option(Group.SCENE, "What should not be seen, for MultiTalk.")
    ] = ""
    text_guidance: Annotated[
        float | None, Option(Group.SAMPLING, f"{LABELS['text_guidance']}, for MultiTalk.")
    ] = None
    audio_guidance: Annotated[
        float | None, Option(Group.SAMPLING, f"{LABELS['audio_guidance']}, for MultiTalk.")
    ] = None
    turn: Annotated[
        int | None,
        Option(
            Group.INPUT,
            "Degrees to turn the picture clockwise: 0, 90, 180 or 270; "
            "unless given, until its faces stand upright.",
        ),
    ] = field(default=None, repr=False)  # a turned picture is another file, with other keys
    permission: Annotated[
        Permission,
        Option(Group.RECORD, "stated: I may use this face and this voice. Kept with the job."),
    ] = field(default=Permission.NOT_STATED, repr=False)  # the same video, and the same draft

    def __post_init__(self) -> None:
        require_turn(self.turn)
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(
                InputCode.BAD_OPTION,
                f"The seed {self.seed} is out of range. Use a whole number from 0 to {MAX_SEED}.",
            )
        self.tuning.require_within(Bounds())
        for prompt in (self.prompt, self.negative_prompt):
            _require_prompt_length(prompt)

    @property
    def tuning(self) -> Tuning:
        """Steps and guidance that replace those of the quality."""
        return Tuning(self.steps, self.text_guidance, self.audio_guidance)

    @property
    def sampling(self) -> Sampling | None:
        """Sampling of the quality with `tuning` applied; None for a draft."""
        sampling = find_preset(self.quality).sampling
        return sampling and self.tuning.apply(sampling)


@dataclass(frozen=True)
class OptionField(Option):
    """Option of a job: its `Option`, its type without None and its default."""

    kind: type = str
    default: Any = None


def _collect_options() -> Mapping[str, OptionField]:
    found = {}
    for each in fields(JobOptions):
        if get_origin(each.type) is Annotated:
            annotation, option = get_args(each.type)
            kind = (*get_args(annotation), annotation)[0]
            found[each.name] = OptionField(**vars(option), kind=kind, default=each.default)
    return dict(sorted(found.items(), key=lambda item: item[1].group))


OPTIONS = _collect_options()  # those that can be written as text, in the order of help texts


def parse_option(name: str, text: str, written: str = "") -> Any:
    """Return the value of option `name` that `text` stands for; `written` is its name in errors.

    Raises InputError.
    """
    field, written = OPTIONS[name], written or name
    if field.parse:
        return field.parse(text)
    if issubclass(field.kind, StrEnum):
        return _parse_member(field.kind, text, written)
    return _PARSERS[field.kind](text, written)


def _parse_member(kind: type[StrEnum], text: str, written: str) -> StrEnum:
    members, text = list(kind), _MADE_TIMES.get(text, text)
    if text not in members:
        two = len(members) == 2
        how = " or ".join(members) if two else f"one of {', '.join(members)}"
        raise _build_error(text, written, f"Write {how}.")
    return kind(text)


def _parse_whole(text: str, written: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise _build_error(text, written, "Write a whole number.")
    return int(text)


def _parse_numbers(
    text: str, written: str, separator: str, example: str, count: int
) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(separator)]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise _build_error(text, written, f"Write it like {example}.")
    return numbers


def _build_error(text: str, written: str, instead: str) -> InputError:
    return InputError(InputCode.BAD_OPTION, f"{written} {text!r} is not understood. {instead}")


def _require_prompt_length(prompt: str) -> None:
    if len(prompt) > MAX_PROMPT_CHARS:
        raise InputError(
            InputCode.BAD_OPTION,
            f"The scene is described in {len(prompt)} characters; {MAX_PROMPT_CHARS} is the most. "
            "Use fewer words.",
        )


_PARSERS: Mapping[type, Callable[[str, str], Any]] = {
    str: lambda text, _: text,
    int: _parse_whole,
    float: lambda text, written: _parse_numbers(text, written, " ", "4.5", 1)[0],
    Trim: lambda text, written: Trim(*_parse_numbers(text, written, "-", "0-40", 2)),
    CropChoice: lambda text, written: CropChoice(
        *map(round, _parse_numbers(text, written, ",", "0,0,896", 3))
    ),
}
