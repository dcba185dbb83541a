"""Sentences with numbers and names about the history and the files of a video."""

from collections.abc import Sequence

from inference.core.options import Permission
from ui.strings import text

MAX_NAMED = 2  # of videos that stop


def history_lead(days: int) -> str:
    """Line under the headline of the history."""
    after = "a day" if days == 1 else f"{days} days"
    return f"Only this browser can see these. Each one is deleted by itself after {after}."


def gif_too_long(longest_s: int) -> str:
    """Reason why a long video is not offered as a GIF."""
    return f"A GIF can be up to {longest_s} s long."


def permission(stated: Permission) -> str:
    """Whether it was stated that the face and the voice may be used."""
    return f"{text.PERMISSION}: {text.PERMISSIONS[stated].lower()}"


def choose(name: str) -> str:
    """Label of the box that ticks a video of the history."""
    return f"Tick {name}"


def chosen(count: int) -> str:
    """Number of ticked videos."""
    return f"{count} ticked"


def delete_chosen(count: int) -> str:
    """Button that deletes the ticked videos, after a question."""
    return f"Delete {count}"


def delete_one(name: str) -> str:
    """Question before the only ticked video is deleted."""
    return f"Delete “{name}” for good?"


def delete_several(count: int, running: Sequence[str]) -> str:
    """Question before ticked videos are deleted; `running` are the names of unfinished ones."""
    question = f"Delete these {count} videos for good?"
    if not running:
        return question
    names = ", ".join(f"“{name}”" for name in running[:MAX_NAMED])
    more = f" and {len(running) - MAX_NAMED} more" if len(running) > MAX_NAMED else ""
    verb = "is still being made and stops" if len(running) == 1 else "are being made and stop"
    return f"{question} {names}{more} {verb}."
