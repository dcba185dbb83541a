"""Operator's actions on the deployed app: `modal run app.py --action ACTION ...`.

Files are read and written on the operator's machine; models and GPUs are those of the app.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.batch.batch import read_items
from inference.batch.item import BatchItem
from inference.cloud import names
from inference.cloud.client import ModalClient, Spawn
from inference.core.engine import EngineOptions
from inference.core.errors import InputCode, InputError
from inference.core.options import JobOptions
from inference.diagnostics.check import Check
from inference.engines.remote import RemoteEngine
from presets.quality import DEFAULT_QUALITY
from ui.cli import commands, output, terminal
from ui.cli.arguments import (
    FILE_METAVAR,
    Audio2,
    parse_source,
    parse_sources,
    takes_job_options,
)
from ui.cli.batch import run
from ui.cli.generate import generate_video
from weights.sets import LEAN_SETS


class Action(StrEnum):
    """Action of the operator; see docs/modal.md."""

    TEST_ENVIRONMENT = "test-environment"
    DOWNLOAD_MODELS = "download-models"
    PREPARE_MODELS = "prepare-models"
    VERIFY = "verify"
    GENERATE = "generate"
    BATCH = "batch"


DEFAULT_FOLDER = "videos"  # of a batch's videos, in its folder
_WEIGHTS_COMMANDS = {Action(action): command for command, action in names.ACTIONS.items()}


@dataclass(frozen=True)
class AppFunctions:
    """Functions of the deployed app.

    `spawns` start a task, by engine family; `manage_weights` runs commands of `python -m weights`
    in turn and returns an exit status; `examine` returns the fields of a GPU container's Checks.
    """

    spawns: Mapping[str, Spawn]
    manage_weights: Callable[[list[list[str]]], int]
    examine: Callable[[], list[dict[str, Any]]]


_cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@_cli.command()
@takes_job_options(quality=DEFAULT_QUALITY)
def run_action(
    context: typer.Context,
    action: Annotated[Action, typer.Option(help="What to do.")],
    image: Annotated[
        str | None, typer.Option(metavar=FILE_METAVAR, help="generate: a picture.")
    ] = None,
    audio: Annotated[
        str | None, typer.Option(metavar=FILE_METAVAR, help="generate: a recording.")
    ] = None,
    audio2: Audio2 = None,
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
    *,
    options: JobOptions,
) -> None:
    """Look after the deployed app."""
    app: AppFunctions = context.obj
    match action:
        case Action.TEST_ENVIRONMENT:
            _test_environment(app)
        case Action.GENERATE:
            if image is None or audio is None:
                raise InputError(InputCode.BAD_OPTION, "generate needs --image and --audio.")
            picture = parse_source(image)
            target = out or _require_unused(Path(f"{picture.stem}.mp4"))
            output.require_writable(target)
            generate_video(
                _create_engine(app), picture, parse_sources(audio, audio2), options, target
            )
        case Action.BATCH:
            if folder is None:
                raise InputError(InputCode.BAD_OPTION, "batch needs --folder.")
            run.require_separate_folders(folder, out or folder / DEFAULT_FOLDER)
            _make_batch(app, read_items(folder), options, out or folder / DEFAULT_FOLDER)
        case _:
            raise typer.Exit(app.manage_weights(_list_weights_commands(action, dtype, prepare)))


def _list_weights_commands(action: Action, dtype: str, prepare: bool) -> list[list[str]]:
    """Return the commands of `python -m weights` for an action.

    Raises InputError for an unknown dtype, before a long download.
    """
    if dtype and dtype not in LEAN_SETS:
        message = f"There is no dtype {dtype!r}. Use one of {', '.join(LEAN_SETS)}."
        raise InputError(InputCode.BAD_OPTION, message)
    kind = ["--dtype", dtype] if dtype else []
    if action is Action.DOWNLOAD_MODELS:
        return [["download"], ["prepare", *kind]] if prepare else [["download"]]
    return [[_WEIGHTS_COMMANDS[action], *kind]]


def _require_unused(target: Path) -> Path:
    """Return the default `target`. Raises InputError when it exists."""
    if target.exists():
        message = f"{target} is there already. Name another file with -o."
        raise InputError(InputCode.BAD_OPTION, message)
    return target


def _test_environment(app: AppFunctions) -> None:
    checks = [Check(**found) for found in app.examine()]
    terminal.print_checks(checks)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


def _make_batch(
    app: AppFunctions, items: Sequence[BatchItem], options: JobOptions, out: Path
) -> None:
    """Make the missing videos, all with one engine."""
    engine = _create_engine(app)
    if run.run_batch(items, out, options, lambda quality: engine):
        raise typer.Exit(1)


def _create_engine(app: AppFunctions) -> RemoteEngine:
    return RemoteEngine(EngineOptions(), ModalClient(app.spawns))


def main(arguments: Sequence[str], app: AppFunctions) -> int:
    """Run the action that `arguments` name and return the exit status."""
    return commands.run(_cli, arguments, app)
