"""Output of the command line: plans in words, a progress bar, errors in one sentence."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from inference.core.events import Event, Result, Stage, Step, Window
from inference.core.options import Permission
from inference.core.plan import Plan
from inference.diagnostics.check import Check
from inference.storage.publication import Publication
from ui.strings import text, wording

_console = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON object to standard output."""
    print(json.dumps(value))


def print_error(code: str, message: str, as_json: bool) -> None:
    """Print one sentence to standard error, or one JSON object to standard output."""
    if as_json:
        print_json({"error": {"code": code, "message": message}})
    else:
        _console.print(message, style="red", markup=False, soft_wrap=True)


def print_message(message: str) -> None:
    """Print a line for the user to standard error."""
    _console.print(message, markup=False, soft_wrap=True)


def print_plan(plan: Plan) -> None:
    """Print the plan in a few lines."""
    crop = plan.crop
    extended = ", continued softly past its edges" if crop.extended else ""
    lines = [
        f"{plan.recording_s:.2f} s of speech -> {plan.frames} frames, {plan.duration_s:.2f} s "
        f"({len(plan.windows)} window{'s' * (len(plan.windows) > 1)})",
        f"Frame {plan.width}x{plan.height} from {crop.width}x{crop.height} of the picture "
        f"at {crop.left},{crop.top}{extended}",
        *(f"Speaker {s.audio + 1}: face at {','.join(map(str, s.box))}" for s in plan.speakers),
        f"Quality {plan.quality}, seed {plan.seed}: about {plan.estimate.seconds:.0f} s"
        + (f", {wording.about_dollars(plan.estimate.dollars)}" if plan.estimate.dollars else ""),
    ]
    for line in lines:
        print(line)
    print_warnings(plan)


def print_warnings(plan: Plan) -> None:
    """Print the plan's warnings, a line each."""
    for warning in plan.warnings:
        print_message(f"Note: {warning.message}")


def print_result(
    result: Result,
    published: Publication | None,
    as_json: bool,
    permission: Permission = Permission.NOT_STATED,
) -> None:
    """Print the result of a video and of its publication, and whether `permission` was stated.

    The link has a line of standard output to itself, or is in the one JSON object.
    """
    link, expires = (published.url, published.expires) if published else (None, None)
    if as_json:
        linked = {"link": link, "link_expires": expires.isoformat() if expires else None}
        said = asdict(result) | {"permission": permission}
        print_json(said | (linked if published else {}))
    else:
        print_message(f"{result.path}: {result.duration_s:.2f} s, made in {result.seconds} s")
    if published and published.refusal:
        print_message(f"The video is in {result.path}, but was not published. {published.refusal}")
    if link and expires and not as_json:
        print_message(f"Published. This link opens until {expires:%Y-%m-%d %H:%M} UTC:")
        print(link)


def print_checks(checks: list[Check]) -> None:
    """Print a line for each check: whether it passed, its name, the value found."""
    for check in checks:
        mark = "ok" if check.ok else "BAD" if check.needed else "-"
        print(f"{mark:<4} {check.name:<16} {check.found}")


def show_progress(events: Iterator[Event], visible: bool) -> Event:
    """Follow `events` with a bar, the stage and the time left; return the last event."""
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    last: Event | None = None
    with Progress(
        *columns, console=_console, transient=True, disable=not (visible and _console.is_terminal)
    ) as progress:
        bar = progress.add_task("", total=1.0, left="")
        for event in events:
            if isinstance(event, Stage):
                progress.update(bar, description=event.message)
                if event.note:
                    _console.print(event.note)
            elif isinstance(event, Step):
                share = (event.window + event.done / event.total) / event.windows
                left = "" if event.eta_s is None else f"{event.eta_s:.0f} s left"
                progress.update(bar, completed=share, left=left)
            elif isinstance(event, Window) and event.fault:
                _console.print(f"{event.fault} {text.WINDOW_FAULT}")
            last = event
    assert last is not None, "an engine always ends with a final event"
    return last
