"""`python -m weights`: fetch, lay out, make lean and check the model's files."""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from inference.core.errors import InputCode, InputError
from inference.core.settings import load_settings
from presets.quality import PRESETS
from presets.schema import EngineFamily
from weights.assemble import assemble, misfits
from weights.disk import Disk, Volume
from weights.download import download
from weights.errors import WeightsError, how_to
from weights.listing import misfit
from weights.lock import Lock
from weights.manifest import MULTITALK_14B, HubFile, Manifest
from weights.refusals import told
from weights.sets import LEAN, ORIGINAL, lock_file, missing, place_of, unmark
from weights.verify import set_aside, verify

app = typer.Typer(help="MultiTalk's weights.", no_args_is_help=True, add_completion=False)
_INTERRUPTED = 130  # 128 + SIGINT, as shells count
_QUALITIES = [n for n, preset in PRESETS.items() if preset.engine is EngineFamily.MULTITALK]
Quality = Annotated[str | None, typer.Option(help=f"One of {', '.join(_QUALITIES)}.")]
Kind = Annotated[str, typer.Option(help=f"One of {', '.join(LEAN)}.")]


@app.command("status")
def _status() -> None:
    """What is there of every file, and which sets are complete."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    lock, table = Lock(lock_file(weights)), Table("file", "GB", "licence", "state")
    for file in manifest.files:
        entry = lock.get(file)
        size = entry.size_bytes if entry else file.size_bytes
        gigabytes = f"{size / 1e9:.2f}" if size is not None else "?"
        path = place_of(weights, file)
        state = lock.state(file, path)
        if state == "checked" and misfit(manifest, file.place, path):
            state = "does not fit"
        table.add_row(file.key, gigabytes, file.repo.licence, state)
    _out().print(table)
    for kind in (ORIGINAL, *LEAN):
        folder = weights / manifest.model / kind
        gone = missing(folder)
        found = f"{gone} is missing" if folder.exists() and gone else "not made"
        print(f"{folder}: {found if gone else 'complete'}")


@app.command("download")
def _download(quality: Quality = None) -> None:
    """Fetch what is missing (for one quality: only what it needs), check it and lay it out."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    files = manifest.needed(_one_of(_QUALITIES, quality, "quality"))
    if _broken(weights, manifest, files):
        unmark(weights / manifest.model / ORIGINAL)
    fetched = download(weights, files, _say, _disk())
    print(f"Fetched and checked: {fetched}." if fetched else "Every file is there already.")
    _lay_out(files)


@app.command("assemble")
def _assemble() -> None:
    """Lay the downloaded files out as the model expects them."""
    _lay_out(MULTITALK_14B.files)


@app.command("prepare")
def _prepare(dtype: Kind = LEAN[0]) -> None:
    """Make a lean set: bf16 loads faster, fp8 also takes half the memory."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    _one_of(LEAN, dtype, "dtype")
    try:
        module = importlib.import_module("weights.prepare")
    except ModuleNotFoundError as error:
        message = f"{error.name} is needed for this, and it is not installed. Run make gpu."
        raise WeightsError(message) from error
    done = module.prepare(weights, manifest, dtype, _say, _disk())
    folder = weights / manifest.model / dtype
    print(f"{folder} is {'complete' if done else 'complete already; nothing to do'}.")


@app.command("verify")
def _verify() -> None:
    """Hash every file, and compare all names and shapes; a set with a fault is no longer used."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    faults = list(verify(weights, manifest))
    for path, fault in faults:
        print(f"{path}: {fault}")
        set_aside(weights, manifest, path)
    if faults:
        message = f"Faults: {len(faults)}. Run {how_to('download')}, and prepare again."
        raise WeightsError(message)
    print("Every file is as it should be.")


def _lay_out(files: tuple[HubFile, ...]) -> None:
    """Raises WeightsError, with all else laid out, if one of the `files` does not fit the model."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    done = assemble(weights, manifest)
    folder = weights / manifest.model / ORIGINAL
    print(f"{folder} is {'complete' if done else 'complete already; nothing to do'}.")
    unfit = list(misfits(weights, manifest, files))
    for file, fault in unfit:
        lacking = ", ".join(name for name in _QUALITIES if file in manifest.needed(name))
        print(f"{file.key} {fault}. It is left out, so there is no {lacking}.")
    if unfit:
        message = f"Files that don't fit: {len(unfit)}. All else can be used. Update this project."
        raise WeightsError(message)


def _disk() -> Disk:
    return Volume() if load_settings().on_modal else Disk()


def _one_of(choices: Sequence[str], chosen: str | None, option: str) -> str | None:
    if chosen is None or chosen in choices:
        return chosen
    message = f"There is no {option} {chosen!r}. Use one of {', '.join(choices)}."
    raise InputError(InputCode.BAD_OPTION, message)


def _broken(weights: Path, manifest: Manifest, files: tuple[HubFile, ...]) -> bool:
    """Whether a file that the networks are made of is not as it was checked."""
    lock = Lock(lock_file(weights))
    return any(f.of_networks and lock.state(f, place_of(weights, f)) != "checked" for f in files)


def _out() -> Console:
    """Tables in full, whatever the terminal's width, so that they can be searched."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status, with a failure told in one sentence."""
    try:
        if app(arguments, standalone_mode=False) == _INTERRUPTED:  # what is made of a Ctrl-C
            raise KeyboardInterrupt
    except WeightsError as error:
        return _report(str(error), 1)
    except (InputError, typer.TyperException) as error:
        return _report(getattr(error, "message", str(error)) or "See --help.", 2)
    except OSError as error:
        return _report(str(told(error, str(load_settings().weights))), 1)
    except KeyboardInterrupt:
        _report("Stopped. What is finished is kept.", _INTERRUPTED)
        sys.stdout.flush()
        os._exit(_INTERRUPTED)  # without waiting for downloads that are under way
    return 0


def _say(message: str) -> None:
    """At once, also where standard output is a pipe."""
    print(message, flush=True)


def _report(message: str, status: int) -> int:
    print(message, file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
