"""The command line, and the place where settings, engines and the page are put together.

Exit status: 0 done, 2 the person's input, 1 ours, 130 interrupted.
"""

import importlib
import logging
import math
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from inference import output
from inference.engines.select import select_engine
from inference.errors import (
    Fault,
    FaultCode,
    InputCode,
    InputError,
    PortraitError,
    disk_fault,
    from_code,
    no_face,
)
from inference.events import Cancelled, Event, Failed, Finished
from inference.intake import take_in
from inference.plan import find_preset, make_plan
from inference.request import CropChoice, Request, Shape, Speaking, Trim
from inference.settings import load_settings
from inference.task import Task
from inference.timing import FPS
from presets.quality import PRESETS
from presets.schema import EngineFamily
from ui import terminal

INTERRUPTED = 130  # 128 + SIGINT, as shells count
NOTHING_FINISHED = "Stopped. Nothing was finished yet."
ENDINGS = (signal.SIGTERM, signal.SIGHUP)  # other ways to be told to stop; all clean up

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class EngineChoice(StrEnum):
    """Who makes the video; auto is the engine that the quality is for."""

    AUTO = "auto"
    DRAFT = "draft"
    MULTITALK = "multitalk"
    MODAL = "modal"


class Interrupted(Exception):
    """The person pressed Ctrl-C; the message says what is kept."""


Image = Annotated[Path, typer.Option(help="A picture of one or two faces.")]
Audio = Annotated[Path, typer.Option(help="A recording of the voice; of the left person of two.")]
Audio2 = Annotated[Path | None, typer.Option(help="A recording of the right person's voice.")]
Together = Annotated[Speaking, typer.Option(help="Two voices at the same time, or in turn.")]
Format = Annotated[Shape, typer.Option(help="The shape of the video.")]
Part = Annotated[str | None, typer.Option(metavar="A-B", help="Seconds to use, as 0-40.")]
Window = Annotated[
    str | None, typer.Option(metavar="LEFT,TOP,WIDTH", help="Crop, in pixels of the picture.")
]
Quality = Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same video.")]


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
    server = importlib.import_module("ui.server")
    with suppress(KeyboardInterrupt):  # the usual way to end it
        server.serve(load_settings(), host, port)


@cli.command()
def plan(
    image: Image,
    audio: Audio,
    audio2: Audio2 = None,
    speaking: Together = Speaking.TOGETHER,
    shape: Format = Shape.LANDSCAPE,
    trim: Part = None,
    crop: Window = None,
    quality: Quality = "draft",
    as_json: Json = False,
) -> None:
    """Show what would be made: crop, length, windows, speakers, time."""
    with _scratch_folder() as folder:
        choices = _choices(speaking, shape, trim, crop, quality)
        planned = _prepare(folder, image, [audio, audio2], choices).plan
    if as_json:
        terminal.print_json(asdict(planned))
    else:
        terminal.print_plan(planned)


@cli.command()
def generate(
    image: Image,
    audio: Audio,
    out: Annotated[Path, typer.Option("-o", "--output", help="The mp4 to write.")],
    audio2: Audio2 = None,
    speaking: Together = Speaking.TOGETHER,
    shape: Format = Shape.LANDSCAPE,
    trim: Part = None,
    crop: Window = None,
    quality: Quality = "draft",
    prompt: Annotated[str, typer.Option(help="What the scene is like, for MultiTalk.")] = "",
    seed: Seed = 42,
    steps: Annotated[int | None, typer.Option(help="Sampling steps, for MultiTalk.")] = None,
    engine: Annotated[EngineChoice, typer.Option(help="Who makes it.")] = EngineChoice.AUTO,
    debug: Annotated[bool, typer.Option(help="Log what happens inside.")] = False,
    as_json: Json = False,
) -> None:
    """Make the video."""
    if debug:
        logging.getLogger("inference").setLevel(logging.DEBUG)
    output.require_writable(out)
    choices = _choices(speaking, shape, trim, crop, quality)
    choices |= {"prompt": prompt, "seed": seed, "steps": steps}
    maker = select_engine(_engine_name(engine, quality))
    with _scratch_folder() as folder:
        task = _prepare(folder, image, [audio, audio2], choices)
        if maker.name == EngineChoice.DRAFT and not task.plan.speakers:
            raise no_face()
        if not as_json:
            terminal.say_warnings(task.plan)
        with _cancel_on_interrupt() as cancelled:
            last = terminal.with_progress(maker.generate(task, cancelled), visible=not as_json)
        _deliver(task, last, out, as_json)


@cli.command()
def doctor(as_json: Json = False) -> None:
    """Check whether this machine has what is needed."""
    checks = importlib.import_module("inference.doctor").examine(load_settings())
    if as_json:
        terminal.print_json({"checks": [asdict(check) for check in checks]})
    else:
        terminal.print_checks(checks)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A new private folder, gone afterwards whatever ends the work, and at whichever moment."""
    # its name comes first: an interrupt while tempfile makes one would leave it behind
    folder = Path(tempfile.gettempdir()) / f"talking-portrait-{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _choices(
    speaking: Speaking, shape: Shape, trim: str | None, crop: str | None, quality: str
) -> dict[str, Any]:
    """The fields of a Request that the options give."""
    return {
        "speaking": speaking,
        "shape": shape,
        "trim": Trim(*_numbers(trim, "--trim", "-", "0-40", 2)) if trim else None,
        "crop": CropChoice(*map(round, _numbers(crop, "--crop", ",", "0,0,896", 3)))
        if crop
        else None,
        "quality": quality,
    }


def _engine_name(choice: EngineChoice, quality: str) -> str:
    """The engine to use. Raises InputError when the one chosen does not make that quality."""
    family = find_preset(quality).engine
    if choice is EngineChoice.AUTO:
        return family.value
    if (choice is EngineChoice.DRAFT) != (family is EngineFamily.DRAFT):
        message = f"The {choice} engine does not make quality {quality}. Leave out --engine."
        raise InputError(InputCode.BAD_OPTION, message)
    return choice.value


def _numbers(text: str, option: str, separator: str, example: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(separator)]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        message = f"{option} {text!r} is not understood. Write it like {option} {example}."
        raise InputError(InputCode.BAD_OPTION, message)
    return numbers


def _prepare(
    folder: Path, image: Path, recordings: list[Path | None], choices: dict[str, Any]
) -> Task:
    """The task in `folder`, with the person's files taken in."""
    given = [recording for recording in recordings if recording is not None]
    picture, measured = take_in(folder, image, given)
    request = Request(picture=picture, recordings=measured, **choices)
    longest_s = load_settings().longest_s(find_preset(request.quality).engine)
    return Task(request, make_plan(request, longest_s), folder)


@contextmanager
def _cancel_on_interrupt() -> Iterator[Callable[[], bool]]:
    """A `cancelled` that turns true at the first Ctrl-C; the second one ends at once."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, *ENDINGS)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _deliver(task: Task, last: Event, out: Path, as_json: bool) -> None:
    """Put the result where the person wants it, or raise what kept it from being made."""
    if isinstance(last, Finished):
        output.deliver(task.folder / last.result.path, out)
        if as_json:
            terminal.print_json(asdict(replace(last.result, path=str(out))))
        else:
            terminal.say(f"{out}: {last.result.duration_s:.2f} s, made in {last.result.seconds} s")
    elif isinstance(last, Failed):
        raise from_code(last.code, last.message, last.details)
    elif isinstance(last, Cancelled) and last.path:
        output.deliver(task.folder / last.path, out)
        raise Interrupted(f"Stopped. The first {last.frames / FPS:.1f} s are kept in {out}.")
    else:
        raise Interrupted(NOTHING_FINISHED)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    as_json = "--json" in arguments
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    for ending in ENDINGS:
        signal.signal(ending, signal.default_int_handler)
    try:
        status = cli(arguments, standalone_mode=False)
        if status == INTERRUPTED:  # what is made of a Ctrl-C on the way
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
        return _report(disk_fault(error), as_json)
    except PortraitError as error:
        return _report(error, as_json)
    except Exception as error:
        logging.getLogger("inference").debug("not foreseen", exc_info=error)
        message = f"Something broke on our side ({type(error).__name__}). Try again."
        return _report(Fault(FaultCode.INTERNAL, message, repr(error)), as_json)


def _report(error: PortraitError, as_json: bool) -> int:
    logging.getLogger("inference").debug("%s: %s", error.code, error.details)
    terminal.print_error(error.code, error.message, as_json)
    return 2 if isinstance(error, InputError) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
