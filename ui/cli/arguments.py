"""What the command line's options ask for: a file, a request's fields, a quality, an engine."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any

from inference.core import parsers
from inference.core.errors import InputCode, InputError
from inference.core.plan import find_preset
from inference.core.published import SCHEME, S3Address, parse_address
from inference.core.request import Shape, Speaking
from inference.core.tuning import Tuning
from presets.quality import DEFAULT_QUALITY, DRAFT_QUALITY
from presets.schema import EngineFamily

Source = Path | S3Address  # where a person's file is


class EngineChoice(StrEnum):
    """Who makes the video; auto is the engine that the quality is for."""

    AUTO = "auto"
    DRAFT = "draft"
    MULTITALK = "multitalk"
    MODAL = "modal"


def parse_source(text: str) -> Source:
    """The file that an option names, here or in a bucket. Raises InputError for an address that is
    not like s3://bucket/folder/file."""
    return parse_address(text) if text.lower().startswith(SCHEME) else Path(text)


def parse_sources(*texts: str | None) -> list[Source]:
    """The files of those options that were given; see `parse_source`."""
    return [parse_source(text) for text in texts if text is not None]


def request_fields(
    speaking: Speaking, shape: Shape, trim: str | None, crop: str | None, quality: str
) -> dict[str, Any]:
    """The fields of a Request that the options give.

    Raises InputError when `trim` is not like 0-40 or `crop` not like 0,0,896.
    """
    return {
        "speaking": speaking,
        "shape": shape,
        "trim": parsers.trim(trim, "--trim") if trim else None,
        "crop": parsers.crop(crop, "--crop") if crop else None,
        "quality": quality,
    }


def scene_fields(words: tuple[str, str], seed: int, tuning: Tuning) -> dict[str, Any]:
    """The fields of a Request that say what is seen and how it is sampled; `words`: what is to be
    seen and what is not."""
    prompt, negative_prompt = words
    return {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "seed": seed,
        **asdict(tuning),
    }


def choose_quality(choice: EngineChoice, quality: str | None) -> str:
    """The quality to make: the one given, else the one the engine chosen is usually asked for."""
    if quality is not None:
        return quality
    final = choice in (EngineChoice.MULTITALK, EngineChoice.MODAL)
    return DEFAULT_QUALITY if final else DRAFT_QUALITY


def require_engine_makes(choice: EngineChoice, quality: str) -> None:
    """Raises InputError when the engine chosen does not make that quality."""
    family = find_preset(quality).engine
    if choice is not EngineChoice.AUTO and (choice is EngineChoice.DRAFT) != (
        family is EngineFamily.DRAFT
    ):
        message = f"The {choice} engine does not make quality {quality}. Leave out --engine."
        raise InputError(InputCode.BAD_OPTION, message)
