"""Commands of the command line and their exit status.

0: done, 2: the user's input, 1: our fault, 130: interrupted.
"""

import gc
import importlib
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from inference.batch.batch import read_items
from inference.core.confinement.confine import hide_memory
from inference.core.cost_model import CostModel, load_cost_model
from inference.core.engine import Engine, EngineOptions
from inference.core.errors import (
    Fault,
    FaultCode,
    InputCode,
    InputError,
    PortraitError,
    from_os_error,
)
from inference.core.options import Group, JobOptions, find_preset
from inference.core.report import Verdict
from inference.core.settings import load_settings
from inference.engines.select import select_configured_engine, select_engine_for
from presets.models import MODELS
from presets.quality import DRAFT_QUALITY
from presets.schema import EngineFamily
from ui.cli import checking, output, terminal
from ui.cli.arguments import (
    Audio,
    Audio2,
    EngineChoice,
    Image,
    Json,
    parse_source,
    parse_sources,
    require_engine_makes,
    takes_job_options,
)
from ui.cli.exit_status import NOTHING_FINISHED, STOP_SIGNALS, Interrupted, make_scratch_folder
from ui.cli.generate import generate_video, prepare_task
from ui.strings import server_text

INTERRUPTED = 130  # 128 + SIGINT, as shells count

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@cli.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Turn a picture of a face and a voice recording into a video of that face speaking."""
    if context.invoked_subcommand is None:
        serve()


@cli.command()
def serve(
    host: str = "127.0.0.1", port: Annotated[int, typer.Option(min=0, max=65535)] = 7860
) -> None:
    """Serve the page in the browser."""
    hide_memory()
    server = importlib.import_module("ui.web.app")
    with suppress(KeyboardInterrupt):  # the usual way to end it
        server.serve(
            load_settings(),
            host,
            port,
            lambda: terminal.print_message(server_text.serving_at(host, port)),
        )


@cli.command()
@takes_job_options(Group.INPUT, quality=DRAFT_QUALITY)
def plan(
    image: Image,
    audio: Audio,
    audio2: Audio2 = None,
    *,
    options: JobOptions,
    as_json: Json = False,
) -> None:
    """Show what would be made: crop, length, windows, speakers, time."""
    with make_scratch_folder() as folder:
        picture, recordings = parse_source(image), parse_sources(audio, audio2)
        task = prepare_task(folder, picture, recordings, options, _load_cost_model())
    if as_json:
        terminal.print_json(asdict(task.plan))
    else:
        terminal.print_plan(task.plan)


@cli.command()
@takes_job_options()
def generate(
    image: Image,
    audio: Audio,
    out: Annotated[Path, typer.Option("-o", "--output", help="The mp4 to write.")],
    audio2: Audio2 = None,
    *,
    options: JobOptions,
    engine: Annotated[EngineChoice, typer.Option(help="Who makes it.")] = EngineChoice.AUTO,
    model: Annotated[str | None, typer.Option(help=f"One of {', '.join(MODELS)}.")] = None,
    device: Annotated[str | None, typer.Option(help="As cpu, cuda or cuda:1.")] = None,
    debug: Annotated[bool, typer.Option(help="Log what happens inside.")] = False,
    as_json: Json = False,
) -> None:
    """Make the video."""
    if debug:
        logging.getLogger("inference").setLevel(logging.DEBUG)
    output.require_writable(out)
    selected = _select_engine(engine, options.quality, EngineOptions(model, device))
    picture, recordings = parse_source(image), parse_sources(audio, audio2)
    generate_video(selected, picture, recordings, options, out, as_json)


@cli.command()
@takes_job_options()
def batch(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Pictures and recordings by name, or a CSV.")
    ],
    out: Annotated[Path, typer.Option("-o", "--output", help="The folder of the videos.")],
    *,
    options: JobOptions,
    engine: Annotated[EngineChoice, typer.Option(help="Who makes them.")] = EngineChoice.AUTO,
    model: Annotated[str | None, typer.Option(help=f"One of {', '.join(MODELS)}.")] = None,
    device: Annotated[str | None, typer.Option(help="As cpu, cuda or cuda:1.")] = None,
    as_json: Json = False,
) -> None:
    """Make many videos, and a page to look at them."""
    batches = importlib.import_module("ui.cli.batch.run")  # draws a page, as the server does
    batches.require_separate_folders(folder, out)
    items = read_items(folder)
    select_engine = _make_engine_selector(engine, EngineOptions(model, device))
    if any("quality" not in item.options for item in items):
        select_engine(options.quality)  # report a missing engine once, not for each item
    model_name = model or load_settings().model or ""
    if batches.run_batch(items, out, options, select_engine, model_name, as_json):
        raise typer.Exit(1)


@cli.command()
def check(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="The mp4 to check.")],
    audio: Annotated[
        list[Path] | None,
        typer.Option(help="What is to be heard; given twice: the left person's, the right one's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a video: lips, length, pictures, colours, faces. Ends with 1 if it fails."""
    with make_scratch_folder() as folder:
        report = checking.check_video(folder, video, audio or [])
    checking.print_report(report, as_json)
    if report.verdict is Verdict.FAIL:
        raise typer.Exit(1)


@cli.command()
def doctor(as_json: Json = False) -> None:
    """Check whether this machine has what is needed."""
    checks = importlib.import_module("inference.diagnostics.doctor").examine(load_settings())
    if as_json:
        terminal.print_json({"checks": [asdict(check) for check in checks]})
    else:
        terminal.print_checks(checks)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


def _select_engine(choice: EngineChoice, quality: str, options: EngineOptions) -> Engine:
    require_engine_makes(choice, quality)
    if choice is EngineChoice.AUTO:
        return select_engine_for(find_preset(quality).engine, load_settings(), options)
    return select_configured_engine(choice.value, load_settings(), options)


def _make_engine_selector(choice: EngineChoice, options: EngineOptions) -> Callable[[str], Engine]:
    """Return a function from a quality to its engine, with one engine of each family."""
    known: dict[EngineFamily, Engine] = {}

    def select_engine(quality: str) -> Engine:
        require_engine_makes(choice, quality)
        family = find_preset(quality).engine
        if family not in known:
            known[family] = _select_engine(choice, quality, options)
        return known[family]

    return select_engine


def _load_cost_model() -> CostModel:
    """Return a cost model that is free if this machine makes final videos itself."""
    settings = load_settings()
    try:
        select_configured_engine(EngineFamily.MULTITALK, settings)
    except Fault:
        return load_cost_model(settings, paid=True)
    return load_cost_model(settings, paid=False)


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit status."""
    status = run(cli, arguments)
    gc.freeze()  # or the process's end takes long: it looks for garbage in all that is loaded
    return status


def run(cli: typer.Typer, arguments: Sequence[str], context: object = None) -> int:
    """Run a command of `cli`, with `context` as its `obj`; return the exit status.

    Errors are printed as one sentence.
    """
    as_json = "--json" in arguments
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        status = cli(arguments, standalone_mode=False, obj=context)
        if status == INTERRUPTED:  # click's status for Ctrl-C
            raise Interrupted(NOTHING_FINISHED)
        return status if isinstance(status, int) else 0
    except (KeyboardInterrupt, Interrupted, typer.Abort) as error:
        terminal.print_error("interrupted", str(error) or "Stopped.", as_json)
        return INTERRUPTED
    except typer.TyperException as error:
        message = error.format_message().removesuffix(".").replace("Value error, ", "")
        terminal.print_error(InputCode.BAD_OPTION, f"{message}. See --help.", as_json)
        return 2
    except OSError as error:
        return _report_error(from_os_error(error), as_json)
    except PortraitError as error:
        return _report_error(error, as_json)
    except Exception as error:
        logging.getLogger("inference").debug("not foreseen", exc_info=error)
        message = f"Something broke on our side ({type(error).__name__}). Try again."
        return _report_error(Fault(FaultCode.INTERNAL, message, repr(error)), as_json)


def _report_error(error: PortraitError, as_json: bool) -> int:
    logging.getLogger("inference").debug("%s: %s", error.code, error.details)
    terminal.print_error(error.code, error.message, as_json)
    return 2 if isinstance(error, InputError) else 1
