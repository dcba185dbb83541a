"""What goes wrong with weights, in one sentence each, and what is to be run then."""

from collections.abc import Mapping

_overrides: dict[str, str] = {}


class WeightsError(Exception):
    """The weights can't be fetched, laid out, read or trusted; the message says why, and what to
    do."""


def format_command(command: str) -> str:
    """What somebody types to run a command of `weights` on these weights."""
    return _overrides.get(command, f"python -m weights {command}")


def override_commands(ways: Mapping[str, str]) -> None:
    """Name other ways to run commands from now on: where these weights lie, nobody types."""
    _overrides.update(ways)
