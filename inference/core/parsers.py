"""What is written of a request, as text: in the options of a command, in the columns of a table."""

import math
from collections.abc import Callable
from typing import Any

from inference.core.errors import InputCode, InputError
from inference.core.plan import find_preset
from inference.core.request import CropChoice, Shape, Speaking, Trim

_MOST_DIGITS = 12  # of a whole number: more than any that is taken


def trim(text: str, called: str = "trim") -> Trim:
    """The part that `text` names. Raises InputError when it is not like 0-40."""
    return Trim(*_numbers(text, called, "-", "0-40", 2))


def crop(text: str, called: str = "crop") -> CropChoice:
    """The crop that `text` names. Raises InputError when it is not like 0,0,896."""
    return CropChoice(*map(round, _numbers(text, called, ",", "0,0,896", 3)))


def field(name: str, text: str) -> Any:
    """The value of a Request's field `name`, one of `FIELDS`. Raises InputError."""
    return _READ[name](text)


def _numbers(text: str, called: str, separator: str, example: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(separator)]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise _not_understood(text, called, f"Write it like {example}.")
    return numbers


def _whole(called: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise _not_understood(text, called, "Write a whole number.")
        return int(text)

    return read


def _number(called: str) -> Callable[[str], float]:
    return lambda text: _numbers(text, called, " ", "4.5", 1)[0]


def _speaking(text: str) -> Speaking:
    if text not in set(Speaking):
        raise _not_understood(text, "speaking", f"Write {' or '.join(Speaking)}.")
    return Speaking(text)


def _shape(text: str) -> Shape:
    if text not in set(Shape):
        raise _not_understood(text, "shape", f"Write one of {', '.join(Shape)}.")
    return Shape(text)


def _not_understood(text: str, called: str, instead: str) -> InputError:
    return InputError(InputCode.BAD_OPTION, f"{called} {text!r} is not understood. {instead}")


_READ: dict[str, Callable[[str], Any]] = {
    "speaking": _speaking,
    "shape": _shape,
    "trim": trim,
    "crop": crop,
    "quality": lambda text: find_preset(text).name,
    "prompt": str,
    "negative_prompt": str,
    "seed": _whole("seed"),
    "steps": _whole("steps"),
    "text_guidance": _number("text_guidance"),
    "audio_guidance": _number("audio_guidance"),
}
FIELDS = tuple(_READ)
