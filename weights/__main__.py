"""Command line `python -m weights`: download, assemble, prepare and verify the model's files."""

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
from weights.assemble import assemble, find_mismatches
from weights.disk import Disk, Volume
from weights.download import download
from weights.errors import WeightsError, format_command
from weights.hub_errors import to_weights_error
from weights.lock import LockFile
from weights.manifest import MULTITALK_14B, HubFile, Manifest
from weights.sets import LEAN_SETS, ORIGINAL, delete_marker, download_path, find_missing, lock_path
from weights.verify import discard_faulty, find_mismatch, verify

app = typer.Typer(help="MultiTalk's weights.", no_args_is_help=True, add_completion=False)
_INTERRUPTED = 130  # 128 + SIGINT, as shells count
_QUALITIES = [n for n, preset in PRESETS.items() if preset.engine is EngineFamily.MULTITALK]
Quality = Annotated[str | None, typer.Option(help=f"One of {', '.join(_QUALITIES)}.")]
Kind = Annotated[str, typer.Option(help=f"One of {', '.join(LEAN_SETS)}.")]


@app.command("status")
def _status() -> None:
    """What is there of every file, and which sets are complete."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    lock, table = LockFile(lock_path(weights)), Table("file", "GB", "licence", "state")
    for file in manifest.files:
        entry = lock.get(file)
        size = entry.size_bytes if entry else file.size_bytes
        gigabytes = f"{size / 1e9:.2f}" if size is not None else "?"
        path = download_path(weights, file)
        state = lock.state(file, path)
        if state == "checked" and find_mismatch(manifest, file.path_in_set, path):
            state = "does not fit"
        table.add_row(file.key, gigabytes, file.repo.licence, state)
    _create_console().print(table)
    for kind in (ORIGINAL, *LEAN_SETS):
        folder = weights / manifest.model / kind
        missing = find_missing(folder)
        state = f"{missing} is missing" if folder.exists() and missing else "not made"
        print(f"{folder}: {state if missing else 'complete'}")


@app.command("download")
def _download(quality: Quality = None) -> None:
    """Fetch what is missing (for one quality: only what it needs), check it and lay it out."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    files = manifest.select_files(_require_choice(_QUALITIES, quality, "quality"))
    if _has_unchecked_files(weights, manifest, files):
        delete_marker(weights / manifest.model / ORIGINAL)
    fetched = download(weights, files, _print_line, _select_disk())
    print(f"Fetched and checked: {fetched}." if fetched else "Every file is there already.")
    _assemble_and_report(files)


@app.command("assemble")
def _assemble() -> None:
    """Lay the downloaded files out as the model expects them."""
    _assemble_and_report(MULTITALK_14B.files)


@app.command("prepare")
def _prepare(dtype: Kind = LEAN_SETS[0]) -> None:
    """Make a lean set: bf16 loads faster, fp8 also takes half the memory."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    _require_choice(LEAN_SETS, dtype, "dtype")
    try:
        module = importlib.import_module("weights.prepare")
    except ModuleNotFoundError as error:
        message = f"{error.name} is needed for this, and it is not installed. Run make gpu."
        raise WeightsError(message) from error
    changed = module.prepare(weights, manifest, dtype, _print_line, _select_disk())
    folder = weights / manifest.model / dtype
    print(f"{folder} is {'complete' if changed else 'complete already; nothing to do'}.")


@app.command("verify")
def _verify() -> None:
    """Hash every file, and compare all names and shapes; a set with a fault is no longer used."""
    weights, manifest = load_settings().weights, MULTITALK_14B
    faults = list(verify(weights, manifest))
    for path, fault in faults:
        print(f"{path}: {fault}")
        discard_faulty(weights, manifest, path)
    if faults:
        message = f"Faults: {len(faults)}. Run {format_command('download')}, and prepare again."
        raise WeightsError(message)
    print("Every file is as it should be.")


def _assemble_and_report(files: tuple[HubFile, ...]) -> None:
    """Assemble the original set and print which of the `files` were left out.

    Raises WeightsError, after everything else is in place, if one of them does not fit the model.
    """
    weights, manifest = load_settings().weights, MULTITALK_14B
    changed = assemble(weights, manifest)
    folder = weights / manifest.model / ORIGINAL
    print(f"{folder} is {'complete' if changed else 'complete already; nothing to do'}.")
    mismatches = list(find_mismatches(weights, manifest, files))
    for file, fault in mismatches:
        lacking = ", ".join(name for name in _QUALITIES if file in manifest.select_files(name))
        print(f"{file.key} {fault}. It is left out, so there is no {lacking}.")
    if mismatches:
        count = len(mismatches)
        message = f"Files that don't fit: {count}. All else can be used. Update this project."
        raise WeightsError(message)


def _select_disk() -> Disk:
    return Volume() if load_settings().on_modal else Disk()


def _require_choice(choices: Sequence[str], chosen: str | None, option: str) -> str | None:
    if chosen is None or chosen in choices:
        return chosen
    message = f"There is no {option} {chosen!r}. Use one of {', '.join(choices)}."
    raise InputError(InputCode.BAD_OPTION, message)


def _has_unchecked_files(weights: Path, manifest: Manifest, files: tuple[HubFile, ...]) -> bool:
    """Return whether a required file is missing, unchecked or changed."""
    lock = LockFile(lock_path(weights))
    return any(
        f.is_required and lock.state(f, download_path(weights, f)) != "checked" for f in files
    )


def _create_console() -> Console:
    """Return a console that doesn't truncate tables where the output is piped and searched."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit status; print a failure as one sentence."""
    try:
        if app(arguments, standalone_mode=False) == _INTERRUPTED:  # typer's result of a Ctrl-C
            raise KeyboardInterrupt
    except WeightsError as error:
        return _print_error(str(error), 1)
    except (InputError, typer.TyperException) as error:
        return _print_error(getattr(error, "message", str(error)) or "See --help.", 2)
    except OSError as error:
        return _print_error(str(to_weights_error(error, str(load_settings().weights))), 1)
    except KeyboardInterrupt:
        _print_error("Stopped. What is finished is kept.", _INTERRUPTED)
        sys.stdout.flush()
        os._exit(_INTERRUPTED)  # a normal exit would wait for running downloads
    return 0


def _print_line(message: str) -> None:
    """Print without buffering, also to a pipe."""
    print(message, flush=True)


def _print_error(message: str, status: int) -> int:
    print(message, file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
