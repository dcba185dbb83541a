"""Arguments of the commands: files, an engine, and an option for each field of `JobOptions`."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.core.errors import InputCode, InputError
from inference.core.options import (
    FILES,
    OPTIONS,
    Group,
    JobOptions,
    OptionField,
    find_preset,
    parse_option,
)
from inference.storage.publication import SCHEME, S3Address, parse_address
from presets.quality import DEFAULT_QUALITY, DRAFT_QUALITY, PRESETS
from presets.schema import EngineFamily

Source = Path | S3Address
FILE_METAVAR = "FILE or s3://..."  # a string: a Path would make one slash of the two
Image = Annotated[str, typer.Option(metavar=FILE_METAVAR, help=FILES["image"])]
Audio = Annotated[str, typer.Option(metavar=FILE_METAVAR, help=FILES["audio"])]
Audio2 = Annotated[str | None, typer.Option(metavar=FILE_METAVAR, help=FILES["audio2"])]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]

_PARAMETER = "options"  # of a command, for its JobOptions
_QUALITY_BY_ENGINE = (
    f"; {DRAFT_QUALITY} unless given, "
    f"or {DEFAULT_QUALITY} where --engine names another one than draft."
)
Command = Callable[..., None]


class EngineChoice(StrEnum):
    """Engine of the video: the one that the quality is for, a family's own, or the deployed app."""

    AUTO = "auto"
    vars().update((family.name, family.value) for family in EngineFamily)  # a member for each
    MODAL = "modal"


def takes_job_options(*groups: Group, quality: str | None = None) -> Callable[[Command], Command]:
    """Give a command an option for each field of `JobOptions` in place of its `options`.

    Only those in `groups`, if any are named. `quality` is the default one; None: the one that goes
    with the command's `engine`.
    """
    chosen = {name: field for name, field in OPTIONS.items() if field.group in (groups or Group)}
    generated = [_build_parameter(name, field, quality) for name, field in chosen.items()]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**arguments: Any) -> None:
            values = {name: arguments.pop(name) for name in chosen}
            if values["quality"] is None:
                values["quality"] = choose_quality(arguments["engine"], None)
            for name in values:
                if chosen[name].metavar:
                    text = values[name]
                    values[name] = parse_option(name, text, f"--{name}") if text else None
            command(**arguments, **{_PARAMETER: JobOptions(**values)})

        signature = inspect.signature(command)
        parameters = []
        for name, parameter in signature.parameters.items():
            parameters += generated if name == _PARAMETER else [parameter]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def _build_parameter(name: str, field: OptionField, quality: str | None) -> inspect.Parameter:
    """Return the typer option of a field; without a default where it follows from the engine."""
    default, text = field.default, field.help
    if name == "quality":
        default = quality
        text = text if quality else text.removesuffix(".") + _QUALITY_BY_ENGINE
    kind: Any = str if field.metavar else field.kind
    if default is None:
        kind = kind | None
    option = typer.Option(metavar=field.metavar, help=text)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def parse_source(text: str) -> Source:
    """Return the local file or the address in a bucket that an option names.

    Raises InputError for an address that is not like s3://bucket/folder/file.
    """
    return parse_address(text) if text.lower().startswith(SCHEME) else Path(text)


def parse_sources(*texts: str | None) -> list[Source]:
    """Return `parse_source` of those options that are not None."""
    return [parse_source(text) for text in texts if text is not None]


def choose_quality(choice: EngineChoice, quality: str | None) -> str:
    """Return `quality`, or the default one of the chosen engine."""
    if quality is not None:
        return quality
    if choice is EngineChoice.AUTO:
        return DRAFT_QUALITY
    own = [name for name, preset in PRESETS.items() if preset.engine.value == choice.value]
    return own[0] if own and DEFAULT_QUALITY not in own else DEFAULT_QUALITY


def require_engine_makes(choice: EngineChoice, quality: str) -> None:
    """Raise InputError when the chosen engine does not make that quality."""
    family = find_preset(quality).engine
    makes = family.needs_gpu if choice is EngineChoice.MODAL else family.value == choice.value
    if choice is not EngineChoice.AUTO and not makes:
        message = f"The {choice} engine does not make quality {quality}. Leave out --engine."
        raise InputError(InputCode.BAD_OPTION, message)
