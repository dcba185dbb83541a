"""Base error of the weights, and the commands that its messages recommend."""

from collections.abc import Mapping

_overrides: dict[str, str] = {}


class WeightsError(Exception):
    """Weights that can't be fetched, assembled, read or trusted; the message says what to do."""


def format_command(command: str) -> str:
    """Return the command line that runs a command of `weights` on these weights."""
    return _overrides.get(command, f"python -m weights {command}")


def override_commands(commands: Mapping[str, str]) -> None:
    """Replace command lines that messages recommend, as in a container without a terminal."""
    _overrides.update(commands)
