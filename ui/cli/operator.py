"""The operator's work on the deployed app's machines: `modal run app.py --action ACTION ...`.

Files are read and written here, on the operator's machine; models and GPUs are used there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.batch.batch import rows
from inference.batch.item import Row
from inference.cloud import names
from inference.cloud.client import Cloud, Spawn
from inference.core.engine import EngineOptions
from inference.core.errors import InputCode, InputError
from inference.core.request import Shape, Speaking
from inference.core.tuning import Tuning
from inference.diagnostics.check import Check
from inference.engines.remote import RemoteEngine
from presets.quality import DEFAULT_QUALITY
from ui.cli import commands, options, output, terminal
from ui.cli.arguments import request_fields, scene_fields, source, sources
from ui.cli.batch import run
from ui.cli.generate import make
from weights.sets import LEAN


class Action(StrEnum):
    """What can be done; see docs/modal.md."""

    TEST_ENVIRONMENT = "test-environment"
    DOWNLOAD_MODELS = "download-models"
    PREPARE_MODELS = "prepare-models"
    VERIFY = "verify"
    GENERATE = "generate"
    BATCH = "batch"


VIDEOS = "videos"  # in a batch's folder, unless another one is named
_OF_WEIGHTS = {Action(action): command for command, action in names.ACTIONS.items()}


@dataclass(frozen=True)
class Parts:
    """What the app offers to call: who makes tasks of each engine family, what `python -m weights`
    does, command after command (an exit status), what a GPU container finds (fields of a Check
    each)."""

    spawns: Mapping[str, Spawn]
    manage_weights: Callable[[list[list[str]]], int]
    examine: Callable[[], list[dict[str, Any]]]


_cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@_cli.command()
def act(
    context: typer.Context,
    action: Annotated[Action, typer.Option(help="What to do.")],
    image: Annotated[
        str | None, typer.Option(metavar=options.FILE, help="generate: a picture.")
    ] = None,
    audio: Annotated[
        str | None, typer.Option(metavar=options.FILE, help="generate: a recording.")
    ] = None,
    audio2: options.Audio2 = None,
    folder: Annotated[
        Path | None, typer.Option(help="batch: pictures and recordings, paired by name, or a CSV.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="Of a lean set: bf16 (default) or fp8.")] = "",
    prepare: Annotated[
        bool, typer.Option("--prepare/--no-prepare", help="download-models: a lean set, too.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The mp4 to write; with batch, the folder of them."),
    ] = None,
    speaking: options.Together = Speaking.TOGETHER,
    shape: options.Format = Shape.LANDSCAPE,
    trim: options.Part = None,
    crop: options.Window = None,
    quality: options.Quality = DEFAULT_QUALITY,
    prompt: options.Prompt = "",
    negative_prompt: options.NegativePrompt = "",
    seed: options.Seed = 42,
    steps: options.Steps = None,
    text_guidance: options.TextGuidance = None,
    audio_guidance: options.AudioGuidance = None,
) -> None:
    """Look after the deployed app."""
    parts: Parts = context.obj
    choices = request_fields(speaking, shape, trim, crop, quality)
    tuning = Tuning(steps, text_guidance, audio_guidance)
    choices |= scene_fields((prompt, negative_prompt), seed, tuning)
    match action:
        case Action.TEST_ENVIRONMENT:
            _test_environment(parts)
        case Action.GENERATE:
            if image is None or audio is None:
                raise InputError(InputCode.BAD_OPTION, "generate needs --image and --audio.")
            picture = source(image)
            target = out or _unused(Path(f"{picture.stem}.mp4"))
            output.require_writable(target)
            make(_engine(parts), picture, sources(audio, audio2), choices, target)
        case Action.BATCH:
            if folder is None:
                raise InputError(InputCode.BAD_OPTION, "batch needs --folder.")
            run.require_apart(folder, out or folder / VIDEOS)
            _batch(parts, rows(folder), choices, out or folder / VIDEOS)
        case _:
            raise typer.Exit(parts.manage_weights(_of_weights(action, dtype, prepare)))


def _of_weights(action: Action, dtype: str, prepare: bool) -> list[list[str]]:
    """The commands of `python -m weights` that an action is made of.

    Raises InputError for a dtype that there is not: after a download that would come late.
    """
    if dtype and dtype not in LEAN:
        message = f"There is no dtype {dtype!r}. Use one of {', '.join(LEAN)}."
        raise InputError(InputCode.BAD_OPTION, message)
    kind = ["--dtype", dtype] if dtype else []
    if action is Action.DOWNLOAD_MODELS:
        return [["download"], ["prepare", *kind]] if prepare else [["download"]]
    return [[_OF_WEIGHTS[action], *kind]]


def _unused(target: Path) -> Path:
    """`target`, which nobody named. Raises InputError when there is such a file already."""
    if target.exists():
        message = f"{target} is there already. Name another file with -o."
        raise InputError(InputCode.BAD_OPTION, message)
    return target


def _test_environment(parts: Parts) -> None:
    checks = [Check(**found) for found in parts.examine()]
    terminal.print_checks(checks)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


def _batch(parts: Parts, wanted: Sequence[Row], choices: dict[str, Any], out: Path) -> None:
    """Make the videos that are not there yet, all with one engine."""
    engine = _engine(parts)
    if run.make_all(wanted, out, choices, lambda quality: engine):
        raise typer.Exit(1)


def _engine(parts: Parts) -> RemoteEngine:
    return RemoteEngine(EngineOptions(), Cloud(parts.spawns))


def main(arguments: Sequence[str], parts: Parts) -> int:
    """Do what `arguments` say with the parts of the app; returns the exit status."""
    return commands.run(_cli, arguments, parts)
