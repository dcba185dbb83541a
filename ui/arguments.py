"""What the command line's options ask for: a request's fields, a quality, an engine."""

import math
from enum import StrEnum
from typing import Any

from inference.errors import InputCode, InputError
from inference.plan import find_preset
from inference.request import CropChoice, Shape, Speaking, Trim
from presets.quality import DEFAULT_QUALITY, DRAFT_QUALITY
from presets.schema import EngineFamily


class EngineChoice(StrEnum):
    """Who makes the video; auto is the engine that the quality is for."""

    AUTO = "auto"
    DRAFT = "draft"
    MULTITALK = "multitalk"
    MODAL = "modal"


def request_fields(
    speaking: Speaking, shape: Shape, trim: str | None, crop: str | None, quality: str
) -> dict[str, Any]:
    """The fields of a Request that the options give.

    Raises InputError when `trim` is not like 0-40 or `crop` not like 0,0,896.
    """
    return {
        "speaking": speaking,
        "shape": shape,
        "trim": Trim(*_numbers(trim, "--trim", "-", "0-40", 2)) if trim else None,
        "crop": CropChoice(*map(round, _numbers(crop, "--crop", ",", "0,0,896", 3)))
        if crop
        else None,
        "quality": quality,
    }


def quality_for(choice: EngineChoice, quality: str | None) -> str:
    """The quality to make: the one given, else the one the engine chosen is usually asked for."""
    if quality is not None:
        return quality
    final = choice in (EngineChoice.MULTITALK, EngineChoice.MODAL)
    return DEFAULT_QUALITY if final else DRAFT_QUALITY


def require_fit(choice: EngineChoice, quality: str) -> None:
    """Raises InputError when the engine chosen does not make that quality."""
    family = find_preset(quality).engine
    if choice is not EngineChoice.AUTO and (choice is EngineChoice.DRAFT) != (
        family is EngineFamily.DRAFT
    ):
        message = f"The {choice} engine does not make quality {quality}. Leave out --engine."
        raise InputError(InputCode.BAD_OPTION, message)


def _numbers(text: str, option: str, separator: str, example: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(separator)]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        message = f"{option} {text!r} is not understood. Write it like {option} {example}."
        raise InputError(InputCode.BAD_OPTION, message)
    return numbers
